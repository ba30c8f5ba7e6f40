import { setTimeout as sleep } from 'node:timers/promises'
import { TimeoutError } from '../../base/errors.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import { checkLimits } from '../check-options.ts'
import { timerFor } from '../streams/timer.ts'

/** How long a call that does not wait by nature may take, in milliseconds: far above the slowest disk, and not for ever */
export const CALL_MS = 30_000

/** The part of larger options that says how long to wait. */
export const limitsOf = ({ timeoutMs, signal }: CallOptions): CallOptions => ({
  ...(timeoutMs === undefined ? {} : { timeoutMs }),
  ...(signal ? { signal } : {}),
})

/**
 * Waits for a promise no longer than the caller allows: rejects with TimeoutError after `timeoutMs` and with the signal's reason
 * when it aborts. `abandon` runs in both cases, so that a late answer finds nobody.
 * @throws InvalidInputError at once
 */
export function waitFor<T>(
  answer: Promise<T>,
  what: string,
  options: CallOptions | undefined,
  abandon: () => void,
): Promise<T> {
  const { timeoutMs, signal } = options ?? {}
  if (options) checkLimits(options)
  const limited = timeoutMs !== undefined && timeoutMs !== Infinity
  if (!limited && !signal) return answer
  return new Promise<T>((resolve, reject) => {
    const giveUp = (reason: unknown) => {
      done()
      abandon()
      reject(reason as Error)
    }
    const onAbort = () => giveUp(signal?.reason)
    const timer = !limited ? undefined : timerFor(timeoutMs, () => giveUp(new TimeoutError(what, timeoutMs)))
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    if (signal?.aborted) return onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    answer.then(
      (value) => {
        done()
        resolve(value)
      },
      (error) => {
        done()
        reject(error)
      },
    )
  })
}

/** The promise's value, or undefined when it takes longer. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const enough = new AbortController()
  const timeout = sleep(ms, undefined, { signal: enough.signal }).catch(() => undefined)
  const value = await Promise.race([promise, timeout])
  enough.abort()
  return value
}
