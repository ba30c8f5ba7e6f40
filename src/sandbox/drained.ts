import { setImmediate, setTimeout } from 'node:timers/promises'
import type { Readable } from 'node:stream'

/** How long a stream may bring nothing before its writer counts as gone. */
const QUIET_MS = 100
/** How long it may bring something. */
const LONGEST_MS = 5000

/**
 * Waits for the end of a command's output, once the command itself has ended: a process that it left behind may hold the stream
 * open, and then the stream is closed here. It is not while data keeps coming, or waits for a reader that is slow.
 */
export async function drained(
  stream: Readable,
  ended: Promise<void>,
  isHeld: () => boolean = () => false,
): Promise<void> {
  if (stream.readableEnded) return
  const state = { over: false }
  const done = ended.then(() => void (state.over = true))
  const deadline = performance.now() + LONGEST_MS
  for (let before = -1; !state.over;) {
    const now = bytesOf(stream)
    if (!isHeld() && (now === before || performance.now() > deadline)) stream.destroy()
    before = now
    const quiet = new AbortController()
    await Promise.race([done, setTimeout(QUIET_MS, undefined, { signal: quiet.signal }).catch(() => {})])
    quiet.abort()
    // A busy event loop sees the time pass first: what came meanwhile is read in the turn after it.
    if (!state.over) await setImmediate()
  }
}

const bytesOf = (stream: Readable): number => ('bytesRead' in stream ? Number(stream.bytesRead) : 0)
