import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import { LIMITS } from '../../protocol/wire.ts'

/**
 * Waits until `start` connects to the socket, then takes its connection for the one that orders and answers go through: whoever
 * started the container hears why it could not be executed, and hears nothing but the end when it could.
 */
export function gateSteps(p: Program, listening: Ref<Fd> | number): void {
  p.because('start', 'The gate: waits for "start", which nobody but the owner of the state directory can say')
  const connection = p.accept4(listening, ['SOCK_CLOEXEC'])
  p.because('start', 'From here on "start" hears what becomes of this program')
  p.dup3(connection, LIMITS.CONTROL, ['O_CLOEXEC'])
  p.close(connection)
  p.close(listening)
}

/** Lets the process outlive its maker: until now both ended together. */
export function surviveSteps(p: Program): void {
  p.because('start', 'From here on its maker may end without it: it becomes a child of the caller’s subreaper')
  p.prctl('PR_SET_PDEATHSIG', 0, 0, 0, 0)
}
