import { CarrelError } from '../base/errors.ts'
import type { Statistics } from '../features/cgroups/readings/statistics.ts'
import type { NotApplied } from '../features/cgroups/find-refusal.ts'

/**
 * Why a command is over: by itself (`exited`, `signaled`), because its time was up, because the sandbox's memory was, because it
 * wrote too much, or because the caller gave up.
 */
export type Outcome = 'exited' | 'signaled' | 'timeout' | 'oom' | 'output-limit' | 'aborted'

/** What a command used, with the processes that it waited for. */
export interface ResourceUsage {
  /** CPU time in user mode, in milliseconds */
  readonly userMs: number
  /** CPU time in kernel mode, in milliseconds */
  readonly systemMs: number
  /** From start to end, in milliseconds */
  readonly wallMs: number
  /** Most memory at once, in bytes: of the sandbox where its group counts it, else of the largest process */
  readonly peakMemoryBytes: number
  /** Processes that were killed for want of memory while it ran */
  readonly oomKills: number
}

/** How a command ended. */
export interface RunResult {
  /** The command's own exit code, or 128 and the signal's number */
  readonly exitCode: number
  /** Kernel name of the signal that ended it, or null */
  readonly signal: string | null
  /** What it wrote, as UTF-8 */
  readonly stdout: string
  readonly stderr: string
  /** The same, byte by byte */
  readonly stdoutBytes: Uint8Array
  readonly stderrBytes: Uint8Array
  readonly outcome: Outcome
  readonly usage: ResourceUsage
  /** What the sandbox's groups told when the command had ended: all that ran in it so far, together */
  readonly stats: Statistics
  /** Limits that this host cannot enforce, with the reason and what stands in for them */
  readonly notApplied: readonly NotApplied[]
}

/** A command failed whose failure was to be thrown (`throwOnError`). */
export class CommandError extends CarrelError {
  override readonly name = 'CommandError'
  readonly code = 'E_COMMAND'
  readonly result: RunResult

  constructor(command: string, result: RunResult) {
    const how =
      result.outcome === 'exited'
        ? `exited with ${result.exitCode}`
        : `ended: ${result.outcome} ${result.signal ?? ''}`.trimEnd()
    const [line = ''] = result.stderr.trim().split('\n').slice(-1)
    super(`Command ${JSON.stringify(command)} ${how}${line ? `: ${line}` : ''}`)
    this.result = result
  }
}
