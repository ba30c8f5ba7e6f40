/** How long a caller is willing to wait for a system call's answer. */
export interface CallOptions {
  /**
   * Milliseconds until the wait is given up; the call itself may still happen. Without it 30 s, and no limit for a call that waits by
   * nature; `Infinity` is no limit
   */
  readonly timeoutMs?: number
  /** Gives the wait up when it aborts, with its reason */
  readonly signal?: AbortSignal
}

/** Names of the options that every call has. */
export const LIMIT_OPTIONS = ['timeoutMs', 'signal'] as const

const NAMES: ReadonlySet<string> = new Set(LIMIT_OPTIONS)

/** Whether the last argument of a call is `{ timeoutMs, signal }`, and not an argument of the kernel's. */
export function isCallOptions(value: unknown): value is CallOptions {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false
  const keys = Object.keys(value)
  return keys.length > 0 && keys.every((key) => NAMES.has(key))
}
