/** How long a caller is willing to wait for a system call's answer. */
export interface CallOptions {
  /** Milliseconds until the wait is given up; the call itself may still happen */
  readonly timeoutMs?: number
  /** Gives the wait up when it aborts, with its reason */
  readonly signal?: AbortSignal
}
