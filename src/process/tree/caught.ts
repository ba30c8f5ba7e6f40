import { AgentError } from '../../base/errors.ts'
import { signalName } from '../../linux/signal.ts'

/** A signal that a process caught: struct signalfd_siginfo of linux/signalfd.h, the fields that carry something. */
export interface CaughtSignal {
  /** Kernel name, `SIGUSR1` */
  readonly signal: string
  /** si_code: 0 kill(2), -1 sigqueue(3), … */
  readonly code: number
  /** Sender, in the catcher's pid namespace; 0 when it is outside */
  readonly pid: number
  readonly uid: number
  /** Exit status or signal of a child (SIGCHLD) */
  readonly status: number
  /** Integer sent along (sigqueue(3)) */
  readonly value: number
  /** Address of a fault, or number of a system call (SIGSYS) */
  readonly address: bigint
  readonly syscall: number
  readonly arch: number
}

const SIZE = 128

/** Decodes a CAUGHT event. @throws AgentError when it is short */
export function decodeCaught(payload: Uint8Array): CaughtSignal {
  if (payload.length < SIZE) throw new AgentError('Agent sent a short CAUGHT event')
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  return {
    signal: signalName(view.getUint32(0, true)),
    code: view.getInt32(8, true),
    pid: view.getUint32(12, true),
    uid: view.getUint32(16, true),
    status: view.getInt32(40, true),
    value: view.getInt32(44, true),
    address: view.getBigUint64(72, true),
    syscall: view.getInt32(84, true),
    arch: view.getUint32(96, true),
  }
}
