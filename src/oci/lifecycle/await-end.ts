import { TimeoutError } from '../../base/errors.ts'
import { attempt } from '../../kernel/call.ts'
import type { Kernel } from '../../kernel/kernel.ts'

const POLLIN = 1
/** A process that was killed and still writes a core or waits for a disk may take a while */
const END_MS = 10_000
/** Of a millisecond */
const NANOSECONDS = 1_000_000

/**
 * Waits until a process has ended: its pidfd is readable then (pidfd_open(2)).
 * @throws TimeoutError
 */
export function awaitEnd(kernel: Kernel, pidfd: number, pid: number, timeoutMs = END_MS): void {
  const poll = new DataView(new ArrayBuffer(8))
  poll.setInt32(0, pidfd, true)
  poll.setInt16(4, POLLIN, true)
  const time = new DataView(new ArrayBuffer(16))
  time.setBigInt64(0, BigInt(Math.floor(timeoutMs / 1000)), true)
  time.setBigInt64(8, BigInt((timeoutMs % 1000) * NANOSECONDS), true)
  const ended = attempt(kernel, 'ppoll', new Uint8Array(poll.buffer), 1, new Uint8Array(time.buffer), null, 0)
  if (ended === 1) return
  throw new TimeoutError(`Process ${pid} was killed and has not ended`, timeoutMs)
}
