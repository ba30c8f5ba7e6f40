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
