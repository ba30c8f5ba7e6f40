import { SyscallError } from '../base/errors.ts'

/** What a client is told when there is no container for it. */
export interface Failure {
  /** As `carrel run` would exit */
  readonly code: number
  /** Nothing of this machine: no path, no address */
  readonly text: string
  /** For the log: everything */
  readonly detail: string
}

/** Tells strangers that something failed, and the log what. */
export function failureOf(error: unknown, connection: number): Failure {
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  if (!(error instanceof SyscallError) || error.call !== 'execve') {
    const kind = error instanceof SyscallError ? error.errno : error instanceof Error ? error.name : 'error'
    return {
      code: 125,
      text: `The container could not be made (${kind}); connection ${connection} in the log says why`,
      detail,
    }
  }
  const isMissing = error.errno === 'ENOENT' || error.errno === 'ENOTDIR'
  const what = isMissing ? 'was not found' : 'cannot be executed'
  return { code: isMissing ? 127 : 126, text: `The command ${what} (${error.errno})`, detail }
}
