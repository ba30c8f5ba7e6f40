import { signalName } from './signal.ts'

/** What the status word of wait4(2) says. */
export type WaitStatus =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signaled'; readonly signal: string; readonly coreDumped: boolean }
  | { readonly kind: 'stopped'; readonly signal: string }
  | { readonly kind: 'continued' }

const CONTINUED = 0xffff
const STOPPED = 0x7f

/** Reads the status word of wait4(2), as the macros of wait(2) do. */
export function decodeWaitStatus(status: number): WaitStatus {
  if (status === CONTINUED) return { kind: 'continued' }
  const low = status & 0x7f
  if ((status & 0xff) === STOPPED) return { kind: 'stopped', signal: signalName((status >> 8) & 0xff) }
  if (low === 0) return { kind: 'exited', code: (status >> 8) & 0xff }
  return { kind: 'signaled', signal: signalName(low), coreDumped: (status & 0x80) !== 0 }
}
