import { AgentError } from '../base/errors.ts'
import type { Frame } from '../protocol/frames.ts'
import { EXITED, REPLY } from '../protocol/layout.ts'
import { FRAMES } from '../protocol/wire.ts'

/** What an agent tells without being asked. */
export type SyncEvent =
  /** A child ended, or one that it traces stopped; `status` is that of wait4(2) (see decodeWaitStatus), `rusage` the kernel's struct */
  | { readonly type: 'exited'; readonly pid: number; readonly status: number; readonly rusage: Uint8Array }
  /** `siginfo` is the kernel's struct signalfd_siginfo */
  | { readonly type: 'caught'; readonly signal: number; readonly siginfo: Uint8Array }

/** An answer to a program of another process, which is not here to read it by. */
export interface RawReply {
  /** What each step returned, or -errno; the last one is the failed step's when `error` is not 0 */
  readonly results: readonly number[]
  /** 0 or an errno */
  readonly error: number
}

/** Not stopped: the low byte of a stop is 0x7f */
export const hasEnded = (status: number): boolean => (status & 0xff) !== 0x7f

/** @throws AgentError for a frame that is none */
export function eventOf({ type, payload }: Frame): SyncEvent {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  if (type === FRAMES.EXITED && payload.length >= EXITED.size) {
    const [pid, status] = [view.getInt32(EXITED.pid, true), view.getInt32(EXITED.status, true)]
    return { type: 'exited', pid, status, rusage: payload.subarray(EXITED.size) }
  }
  if (type === FRAMES.CAUGHT && payload.length >= 4) {
    return { type: 'caught', signal: view.getUint32(0, true), siginfo: payload }
  }
  throw new AgentError(`Agent sent a frame of type ${type} and ${payload.length} bytes that is no event`)
}

/** @throws AgentError for a short one */
export function rawReply(payload: Uint8Array): RawReply {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  const count = payload.length < REPLY.size ? 0 : view.getUint32(REPLY.results, true)
  if (payload.length < REPLY.size || payload.length < REPLY.size + 8 * count) {
    throw new AgentError('Agent sent a short REPLY')
  }
  const results = Array.from({ length: count }, (_, i) => Number(view.getBigInt64(REPLY.size + 8 * i, true)))
  return { results, error: view.getInt32(REPLY.error, true) }
}
