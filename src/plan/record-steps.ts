import type { Fd, Ref } from '../linux/ref.ts'
import type { Program } from '../program/builder.ts'
import { recordLine, type SandboxRecord } from './sandbox-record.ts'

/** A file as the process that runs the program can name it: a directory of its own and a path below it. */
export type RecordFile = readonly [directory: Ref<Fd> | number | 'AT_FDCWD', path: string]

/** Name of a sandbox's file in the runtime directory. */
export const recordName = (id: string): string => `${id}.json`

/**
 * Writes the record of a sandbox in one write, before any group of it is made: whoever finds a group finds its record. The pid of the
 * first process follows later, from Node: only it knows the number that the process has outside of the cradle's pid namespace.
 */
export function recordSteps(p: Program, [directory, path]: RecordFile, record: SandboxRecord): void {
  p.because('record', 'What carrel ps lists, and what carrel gc finds when nobody was left to tidy up')
  const flags = ['O_WRONLY', 'O_CREAT', 'O_EXCL', 'O_NOFOLLOW', 'O_CLOEXEC'] as const
  // ENOENT: somebody has removed the directory. The sandbox is not listed, and everything of it is removed all the same.
  const file = p.tolerate('ENOENT').openat(directory, path, flags, 0o600)
  p.tolerate('EBADF').write(file, recordLine(record))
  p.tolerate('EBADF').close(file)
}

/** Removes the record, after everything that it names is gone. */
export function forgetSteps(p: Program, [directory, path]: RecordFile): void {
  p.because('record', 'Last of all: until then, what is left can be found')
  p.tolerate('ENOENT').unlinkat(directory, path, 0)
}
