import { createRequire } from 'node:module'

/** A socket that the addon watches; opaque, lives until `close`. */
export type Channel = { readonly __channel: unique symbol }

/**
 * Called for each chunk, with the descriptors that came with its first byte, or null. `bytes` is null once, at the end:
 * `errno` is then 0 for an orderly end.
 */
export type OnData = (bytes: Uint8Array | null, descriptors: number[] | null, errno: number) => void

/** What addon/ exports. Functions that acquire throw an Error with `code` (an errno name) and `syscall`. */
export interface Addon {
  /** Starts the agent binary from a sealed memfd; `socket` is nonblocking. The path is read once per process. */
  start(binaryPath: string): { pid: number; pidfd: number; socket: number }
  /** Two ends of a unix stream socket, close-on-exec: ours nonblocking, theirs blocking */
  socketpair(): [ours: number, theirs: number]
  /** A pipe, close-on-exec, both ends blocking; `capacity` in bytes is a wish */
  pipe(capacity?: number): [read: number, write: number]
  nonblock(fd: number): void
  /** Owns `fd` from now on, a socket or, when `plain`, a nonblocking pipe; does not keep the event loop alive until `ref` */
  watch(fd: number, onData: OnData, plain?: boolean): Channel
  /** Bytes taken by the kernel, or -errno (`EAGAIN`: use `onWritable`); descriptors go with the first byte */
  send(channel: Channel, bytes: Uint8Array, descriptors: readonly number[]): number
  /** Calls back once, when `send` may succeed again */
  onWritable(channel: Channel, callback: () => void): void
  ref(channel: Channel): void
  unref(channel: Channel): void
  /** Ends the writing direction */
  shutdown(channel: Channel): void
  /** Stops and starts reading */
  pause(channel: Channel): void
  resume(channel: Channel): void
  /** Idempotent; no callback comes afterwards */
  close(channel: Channel): void
  /** 0 or the errno of pidfd_send_signal(2) */
  signal(pidfd: number, number: number): number
  /** Status as wait4(2) gives it, null while the process runs */
  reap(pidfd: number): { status: number } | null
  /** 0 or the errno of TIOCSWINSZ */
  winsize(fd: number, rows: number, columns: number): number
}

/** Loads the compiled addon at an absolute path. */
export function loadAddon(path: string): Addon {
  return createRequire(import.meta.url)(path) as Addon
}
