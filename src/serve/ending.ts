import type { RunResult } from '../sandbox/result.ts'
import type { Failure } from './failure.ts'
import type { LogFields } from './log.ts'
import type { Ending } from './wire/hello.ts'

/** Why a connection is ended before its command ends by itself. */
export type Reason = 'disconnect' | 'malformed' | 'idle' | 'timeout' | 'shutdown'

/** How it went: the command's end, or why there was none. */
export type Ended = RunResult | Failure

/** What the client's exit code is made from. */
export function endingOf(reason: Reason | undefined, ended: Ended): Ending {
  const outcome = reason ?? ('outcome' in ended ? ended.outcome : 'failed')
  if ('text' in ended) return { code: ended.code, signal: null, outcome }
  return { code: ended.exitCode, signal: ended.signal, outcome }
}

/** What the client is told; undefined when its command ended by itself, or it is not there. */
export function whyEnded(
  reason: Reason | undefined,
  ended: Ended,
  { quietMs, timeoutMs = 0 }: { readonly quietMs: number; readonly timeoutMs: number | undefined },
): string | undefined {
  switch (reason) {
    case 'idle':
      return `Ended: not a byte for ${quietMs / 1000} s`
    case 'timeout':
      return `Ended: a connection may last ${timeoutMs / 1000} s`
    case 'shutdown':
      return 'Ended: the server is going down'
    case 'malformed':
      return 'Ended: what came is not carrel/1'
    case 'disconnect':
      return undefined
    case undefined:
      return 'text' in ended ? ended.text : undefined
  }
}

/** What the container used, for the log; nothing of one that was never made. */
export function usageOf(ended: Ended): LogFields {
  if (!('usage' in ended)) return {}
  const { usage, stats } = ended
  const cpuUs = stats.cpu?.usageUs ?? (usage.userMs + usage.systemMs) * 1000
  return { cpu_ms: Math.round(cpuUs / 1000), peak_bytes: usage.peakMemoryBytes }
}
