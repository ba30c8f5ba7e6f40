import { closeSync, constants, openSync, writeSync } from 'node:fs'

/** O_APPEND without O_CREAT: a record that the clean-up has removed meanwhile must not come back. */
const OPEN = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW

/** Adds the pid of its first process to the record of a sandbox: a line of its own, as a reader may come before it. */
export function recordPid(file: string, pid: number): void {
  let descriptor: number
  try {
    descriptor = openSync(file, OPEN)
  } catch {
    // Without its record a sandbox is not listed, and works.
    return
  }
  try {
    writeSync(descriptor, `${pid}\n`)
  } finally {
    closeSync(descriptor)
  }
}
