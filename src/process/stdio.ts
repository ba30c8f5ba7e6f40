import { closeSync, fchmodSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { InvalidInputError } from '../base/errors.ts'
import { native } from './native.ts'
import { PipeReader } from './pipe-reader.ts'

/** Where one of the three standard streams goes: a pipe that this process holds, nothing, this process's own stream, or a descriptor of this process. */
export type StdioTarget = 'pipe' | 'null' | 'inherit' | number

/** The three streams, or one word for all; `pty` gives the program a terminal of its own. */
export type Stdio = StdioTarget | readonly [stdin: StdioTarget, stdout: StdioTarget, stderr: StdioTarget]

/** The ends of a program's standard streams. */
export interface StdioEnds {
  /** Descriptors for the program's 0, 1 and 2 */
  readonly theirs: readonly [number, number, number]
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** Closes what only the program needed; to be called once it has its copies. */
  release(): void
  /** Closes what is ours, when there is no program. */
  destroy(): void
}

/**
 * Makes the ends that `stdio` asks for.
 * @throws InvalidInputError for an unknown word
 */
export function openStdio(stdio: Stdio): StdioEnds {
  const targets = Array.isArray(stdio)
    ? (stdio as readonly StdioTarget[])
    : [stdio as StdioTarget, stdio as StdioTarget, stdio as StdioTarget]
  if (targets.length !== 3)
    throw new InvalidInputError('stdio has three entries: stdin, stdout, stderr', { field: 'stdio' })
  const opened: number[] = []
  const mine: (number | null)[] = []
  const theirs = targets.map((target, index) => {
    if (target === 'pipe') {
      const [read, write] = native().pipe(index === 0 ? 0 : OUTPUT_CAPACITY)
      // A program of another user may open /dev/stdout: a pipe's inode is its maker's, 0600.
      fchmodSync(read, 0o666)
      mine.push(index === 0 ? write : read)
      const end = index === 0 ? read : write
      opened.push(end)
      return end
    }
    mine.push(null)
    if (target === 'null') {
      const descriptor = openSync('/dev/null', index === 0 ? 'r' : 'w')
      opened.push(descriptor)
      return descriptor
    }
    if (target === 'inherit') return index
    if (Number.isInteger(target) && target >= 0) return target
    throw new InvalidInputError(
      `stdio[${index}] is 'pipe', 'null', 'inherit' or a descriptor, not ${JSON.stringify(target)}`,
      {
        field: `stdio[${index}]`,
      },
    )
  })
  const [stdin, stdout, stderr] = mine
  const streams = {
    stdin: stdin == null ? null : writableEnd(stdin),
    stdout: stdout == null ? null : new PipeReader(stdout),
    stderr: stderr == null ? null : new PipeReader(stderr),
  }
  return {
    theirs: theirs as unknown as readonly [number, number, number],
    ...streams,
    release: () => opened.splice(0).forEach((descriptor) => closeSync(descriptor)),
    destroy: () => Object.values(streams).forEach((stream) => stream?.destroy()),
  }
}

/** Bytes that a program may be ahead of its reader: fewer changes between the two than with the usual 64 KiB */
const OUTPUT_CAPACITY = 1024 * 1024

function writableEnd(fd: number): Writable {
  const stream = new Socket({ fd, readable: false, writable: true })
  // EPIPE: the program closed its stdin; writing to it is not the caller's failure, as with child_process.
  stream.on('error', () => {})
  return stream
}
