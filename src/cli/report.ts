import { CarrelError, SyscallError } from '../base/errors.ts'

/** Exit codes of carrel itself, as those of docker run and podman run. */
export const FAILED = 125
export const NOT_EXECUTABLE = 126
export const NOT_FOUND = 127

/** Says on stderr what went wrong, and gives the exit code for it. */
export function report(error: unknown): number {
  const fault = unwrap(error)
  process.stderr.write(`carrel: ${fault instanceof Error ? fault.message : String(fault)}\n`)
  if (!(fault instanceof CarrelError)) process.stderr.write(`${fault instanceof Error ? fault.stack : ''}\n`)
  else
    for (const failure of fault.cleanup) process.stderr.write(`carrel: and the clean-up after it: ${String(failure)}\n`)
  return exitCodeOf(fault)
}

/** With `await using`, the failure of a disposer hides the real one in `suppressed`. */
function unwrap(error: unknown): unknown {
  return error instanceof Error && 'suppressed' in error ? unwrap(error.suppressed) : error
}

/** 127 for a command that does not exist, 126 for one that cannot be executed, 125 for everything else. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof SyscallError) || error.call !== 'execve') return FAILED
  return error.errno === 'ENOENT' || error.errno === 'ENOTDIR' ? NOT_FOUND : NOT_EXECUTABLE
}
