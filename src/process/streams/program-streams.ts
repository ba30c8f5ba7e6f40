import { readSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { SyscallError } from '../../base/errors.ts'
import type { CallOptions } from '../../linux/call-options.ts'

/** The stream of what a program reads: a pipe, or its terminal. */
export interface InputStream extends Writable {
  /**
   * Writes as one piece, after everything that was written before. Resolves with the number of bytes that the kernel has taken.
   * @throws SyscallError EPIPE when nobody is left to read; StateError when this end is closed
   */
  deliver(data: string | Uint8Array, options?: CallOptions): Promise<number>
}

/** The stream of what a program writes: a pipe, or its terminal. */
export interface OutputStream extends Readable {
  /** Whether its end has been read from the kernel; chunks of it may still wait to be consumed */
  readonly over: boolean
  /** Takes everything that the kernel holds at this moment, as far as the credit allows. */
  gather(): void
  /** The program has ended and nobody reads: keeps neither a descriptor nor the event loop for it longer than needed. */
  settle(): void
}

/** Somebody may have called setEncoding() on the stream. */
const bytesOf = (chunk: Uint8Array | string | null, { readableEncoding }: Readable): Uint8Array | null =>
  typeof chunk === 'string' ? Buffer.from(chunk, readableEncoding ?? 'utf8') : chunk

/** What is there of a stream to be consumed, as one chunk; null when there is nothing now. */
export const chunkOf = (stream: OutputStream): Uint8Array | null =>
  stream.destroyed ? null : bytesOf(stream.read() as Uint8Array | string | null, stream)

/** Bytes below which a chunk is copied out of the buffer it was read into */
const SMALL = 64 * 1024

/**
 * What was read into a larger buffer, `size` bytes of it; null for the end. A small piece is copied: kept by a consumer, each byte of a
 * program that writes one at a time would keep a whole buffer.
 */
export function received(buffer: Uint8Array | null, size: number): Uint8Array | null {
  if (size <= 0 || !buffer) return null
  const bytes = buffer.subarray(0, size)
  return size < SMALL ? Buffer.from(bytes) : bytes
}

/** Whether nothing more can come out of a stream. */
export const isDrained = (stream: OutputStream): boolean =>
  stream.destroyed || (stream.over && stream.readableLength === 0)

/** Whether somebody takes chunks as they come. */
export const isConsumed = (stream: Readable): boolean =>
  stream.readableFlowing !== null || stream.listenerCount('readable') > 0

/** What a write meets when nobody is left to read it. */
export const brokenPipe = (bytes: number, taken: number): SyscallError =>
  new SyscallError({ call: 'write', args: `stdin, ${bytes} bytes, ${taken} taken`, errno: 'EPIPE', step: 0, steps: 1 })

/**
 * Reads up to so many bytes of a nonblocking descriptor that were there a moment ago; fewer, or none, when they are gone: a program may
 * open its own end for reading too (/proc/self/fd/1), and take back what it wrote.
 */
export function readThere(fd: number, size: number): Uint8Array {
  const chunk = Buffer.allocUnsafeSlow(size)
  try {
    return chunk.subarray(0, readSync(fd, chunk))
  } catch {
    return chunk.subarray(0, 0)
  }
}
