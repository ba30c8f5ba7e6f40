import { createRequire } from 'node:module'

/** A socket that the addon watches; opaque, lives until `close`. */
export type Channel = { readonly __channel: unique symbol }

/**
 * Called for each chunk, with the descriptors that came with its first byte, or null. `bytes` is null once, at the end:
 * `errno` is then 0 for an orderly end.
 */
export type OnData = (bytes: Uint8Array | null, descriptors: number[] | null, errno: number) => void

/** A child of this process that is, or becomes, a root agent; the descriptors are the caller's from now on. */
export interface Started {
  readonly pid: number
  readonly pidfd: number
  /** Nonblocking */
  readonly socket: number
}

export interface StartedCommand extends Started {
  /** Nonblocking end of a pipe: its standard output and error */
  readonly output: number
  /** A second pidfd: readable once the command has ended, read(2) from it fails */
  readonly end: number
}

/** What addon/ exports. Functions that acquire throw an Error with `code` (an errno name) and `syscall`. */
export interface Addon {
  /** Starts the agent binary from a sealed memfd; `socket` is nonblocking. The path is read once per process. */
  start(binaryPath: string): Started
  /** Starts a command (execve(2)) with the other end of `socket` as standard input, and a pipe as output and error. */
  start(path: string, argv: readonly string[], env: readonly string[]): StartedCommand
  /** Two ends of a unix stream socket, close-on-exec: ours nonblocking, theirs blocking */
  socketpair(): [ours: number, theirs: number]
  /** A pipe, close-on-exec, both ends blocking; `capacity` in bytes is a wish */
  pipe(capacity?: number): [read: number, write: number]
  nonblock(fd: number): void
  /**
   * Owns `fd` from now on, a socket or, when `plain`, a nonblocking end of a pipe. The third value is then what read(2) gave, or
   * -errno: a writing end hears -EBADF when the last reader is gone. Does not keep the event loop alive until `ref`.
   */
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
  /** How many bytes may still be read from a pipe; negative: as many as there are. The end of an empty pipe is told all the same */
  limit(channel: Channel, bytes: number): void
  /** Bytes in a pipe now; -1 when there are none and nobody is left to write any */
  pending(channel: Channel): number
  /** Idempotent; no callback comes afterwards */
  close(channel: Channel): void
  /** 0 or the errno of pidfd_send_signal(2) */
  signal(pidfd: number, number: number): number
  /** Status as wait4(2) gives it, null while the process runs */
  reap(pidfd: number): { status: number } | null
  /** 0 or the errno of TIOCSWINSZ */
  winsize(fd: number, rows: number, columns: number): number
  /** One system call by its number: its result, or -errno; bytes go by their address, null and what is missing are 0 */
  syscall(number: number, ...words: readonly (number | bigint | Uint8Array | null)[]): number
  address(bytes: Uint8Array): bigint
}

/** Loads the compiled addon at an absolute path. */
export function loadAddon(path: string): Addon {
  return createRequire(import.meta.url)(path) as Addon
}
