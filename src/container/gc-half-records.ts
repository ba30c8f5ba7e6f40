import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs'
import { program } from '../program/builder.ts'
import type { Caller } from '../process/caller.ts'

/** fcntl.h: fcntl(2) F_SETLEASE with F_RDLCK, and F_UNLCK to give it back */
const [F_SETLEASE, F_RDLCK, F_UNLCK] = [1024, 0, 2] as const

/**
 * Whether an empty record will stay empty: its writer was killed between making and writing it. A lease for reading is given only while
 * nobody has the file open for writing (fcntl(2), "Leases"), and only its first opener ever writes to it.
 */
export async function isAbandoned(caller: Caller, file: string): Promise<boolean> {
  const before = lstatSync(file, { throwIfNoEntry: false })
  if (!before?.isFile() || before.size > 0) return false
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  let descriptor: number
  try {
    descriptor = openSync(file, flags)
  } catch {
    return false
  }
  try {
    const p = program()
    const fd = p.attached(0)
    const lease = p.tolerate('EAGAIN', 'EACCES', 'EINVAL').syscall('fcntl', fd, F_SETLEASE, F_RDLCK)
    p.tolerate('EAGAIN', 'EINVAL').syscall('fcntl', fd, F_SETLEASE, F_UNLCK)
    p.close(fd)
    const result = await caller.run(p, { descriptors: [descriptor] })
    return result.get(lease) === 0 && fstatSync(descriptor).size === 0
  } finally {
    closeSync(descriptor)
  }
}
