import { signalName } from '../../linux/signal.ts'
import { EXITED } from '../../protocol/layout.ts'

/** What a process and those of its children that it waited for used: getrusage(2). */
export interface Rusage {
  /** CPU time in user mode, in milliseconds */
  readonly userMs: number
  /** CPU time in kernel mode, in milliseconds */
  readonly systemMs: number
  /** Largest resident set, in bytes */
  readonly maxRssBytes: number
  readonly minorFaults: number
  readonly majorFaults: number
  readonly blocksRead: number
  readonly blocksWritten: number
  readonly voluntarySwitches: number
  readonly involuntarySwitches: number
}

/** How a process ended. */
export type Exit =
  | { readonly kind: 'exited'; readonly code: number; readonly rusage: Rusage }
  | { readonly kind: 'signaled'; readonly signal: string; readonly coreDumped: boolean; readonly rusage: Rusage }

/** The number that a shell would show: the exit code, or 128 and the signal's number. */
export function shellCode(exit: Exit, signalNumber: (name: string) => number): number {
  return exit.kind === 'exited' ? exit.code : 128 + signalNumber(exit.signal)
}

/** Decodes an EXITED event: the pid as the parent sees it, and wait4(2)'s status with its rusage. */
export function decodeExited(payload: Uint8Array): { pid: number; exit: Exit } {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  const status = view.getInt32(EXITED.status, true)
  return { pid: view.getInt32(EXITED.pid, true), exit: exitOf(status, decodeRusage(view, EXITED.size)) }
}

/** What an EXITED event tells instead of an end: wait4(2) reports the stops of traced children too. */
export function decodeStopped(payload: Uint8Array): { pid: number; signal: string; event: number } | undefined {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  const status = view.getInt32(EXITED.status, true)
  if ((status & 0xff) !== 0x7f) return undefined
  return { pid: view.getInt32(EXITED.pid, true), signal: signalName((status >> 8) & 0xff), event: status >> 16 }
}

/** The status of wait4(2): the signal in the low 7 bits, a core dump in bit 7, the code in the next 8. */
export function exitOf(status: number, rusage: Rusage): Exit {
  const signal = status & 0x7f
  if (signal === 0) return { kind: 'exited', code: (status >> 8) & 0xff, rusage }
  return { kind: 'signaled', signal: signalName(signal), coreDumped: (status & 0x80) !== 0, rusage }
}

export const NO_RUSAGE: Rusage = decodeRusage(new DataView(new ArrayBuffer(144)), 0)

/** struct rusage of linux/resource.h: two timevals, then 14 longs. */
function decodeRusage(view: DataView, at: number): Rusage {
  const long = (index: number) => Number(view.getBigInt64(at + 8 * index, true))
  return {
    userMs: long(0) * 1000 + long(1) / 1000,
    systemMs: long(2) * 1000 + long(3) / 1000,
    maxRssBytes: long(4) * 1024,
    minorFaults: long(8),
    majorFaults: long(9),
    blocksRead: long(11),
    blocksWritten: long(12),
    voluntarySwitches: long(16),
    involuntarySwitches: long(17),
  }
}
