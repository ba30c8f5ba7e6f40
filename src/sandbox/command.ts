import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import type { Container } from '../container/container.ts'
import { signalNumber } from '../linux/signal.ts'
import { type Exit, shellCode } from '../process/tree/exit.ts'
import type { Process } from '../process/process.ts'
import { Collector } from './collector.ts'
import { CommandError, type Outcome, type ResourceUsage, type RunResult } from './result.ts'

/** What a command is watched with. */
export interface Watch {
  readonly name: string
  readonly container: Container
  /** performance.now() when it was asked for */
  readonly started: number
  readonly oomKillsBefore: number
  readonly onOomKills: (total: number) => void
  /** Whether no other command runs in its sandbox */
  isAlone(): boolean
  readonly timeoutMs?: number
  readonly graceMs?: number
  readonly outputLimitBytes?: number
  readonly signal?: AbortSignal
}

const GRACE_MS = 1000
/** What every outcome tells; the rest costs the kernel too much for every command. */
const OUTCOME_KINDS = ['cpu', 'memory', 'pids', 'io'] as const
const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024

/** A command that runs in a sandbox. */
export class Command implements AsyncDisposable {
  /** Its pid in the sandbox */
  readonly pid: number
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  readonly #process: Process
  readonly #watch: Watch
  readonly #ended: Promise<{ exit: Exit; wallMs: number }>
  #reason: Outcome | undefined

  constructor(process: Process, watch: Watch) {
    this.#process = process
    this.#watch = watch
    this.pid = process.pid
    this.stdin = process.stdin
    this.stdout = process.stdout
    this.stderr = process.stderr
    this.#ended = this.#supervise()
  }

  /** Sends a signal to it; false when it has ended. */
  kill(signal: string | number = 'SIGTERM'): boolean {
    return this.#process.kill(signal)
  }

  /** Sends a signal to it and to those of its children that stayed in its process group. */
  killGroup(signal: string): Promise<void> {
    return this.#watch.container.killGroup(this.pid, signal)
  }

  /** Tells it the size of its terminal. @throws StateError without one */
  resize(size: { columns: number; rows: number }): void {
    this.#process.resize(size)
  }

  /** How it ended, with nothing of its output; for callers that read the streams themselves. */
  async wait(): Promise<RunResult> {
    const { exit, wallMs } = await this.#ended
    return this.#result(exit, wallMs, new Uint8Array(0), new Uint8Array(0))
  }

  /** Feeds it, reads all of its output, and waits for its end. @throws CommandError when asked to */
  async collect(options: { stdin?: string | Uint8Array; throwOnError?: boolean } = {}): Promise<RunResult> {
    const limit = { left: this.#watch.outputLimitBytes ?? OUTPUT_LIMIT_BYTES, over: () => this.end('output-limit') }
    const [stdout, stderr] = [new Collector(this.stdout, limit), new Collector(this.stderr, limit)]
    this.stdin?.end(options.stdin)
    const { exit, wallMs } = await this.#ended
    const [out, err] = await Promise.all([stdout.finish(), stderr.finish()])
    const result = this.#result(exit, wallMs, out, err)
    if (options.throwOnError && (result.outcome !== 'exited' || result.exitCode !== 0))
      throw new CommandError(this.#watch.name, result)
    return result
  }

  /** Ends it and all that it started: SIGTERM, and after the grace SIGKILL. The outcome is `reason`. */
  end(reason: Outcome = 'aborted'): void {
    if (this.#reason) return
    this.#reason = reason
    void this.#endTree().catch(() => this.kill('SIGKILL'))
  }

  async #endTree(): Promise<void> {
    const { container, graceMs = GRACE_MS } = this.#watch
    if (graceMs > 0 && this.#reason !== 'output-limit') {
      await this.#signalTree('SIGTERM')
      const grace = new AbortController()
      const patience = setTimeout(() => grace.abort(), graceMs)
      await Promise.race([this.#process.exited, once(grace.signal, 'abort')])
      clearTimeout(patience)
    }
    if (this.#watch.isAlone()) await container.killAll('SIGKILL')
    else await container.killGroup(this.pid, 'SIGKILL')
    this.kill('SIGKILL')
  }

  async #signalTree(signal: 'SIGTERM'): Promise<void> {
    const { container } = this.#watch
    await (this.#watch.isAlone() ? container.killAll(signal) : container.killGroup(this.pid, signal))
  }

  async #supervise(): Promise<{ exit: Exit; wallMs: number }> {
    const { timeoutMs, signal, started } = this.#watch
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => this.end('timeout'), timeoutMs)
    const onAbort = () => this.end('aborted')
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    const exit = await this.#process.exited
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
    return { exit, wallMs: performance.now() - started }
  }

  #result(exit: Exit, wallMs: number, stdout: Uint8Array, stderr: Uint8Array): RunResult {
    const { container, oomKillsBefore, onOomKills } = this.#watch
    const stats = container.statistics(OUTCOME_KINDS)
    const { memory } = stats
    const kills = memory?.oomKills ?? 0
    onOomKills(kills)
    const usage: ResourceUsage = {
      userMs: exit.rusage.userMs,
      systemMs: exit.rusage.systemMs,
      wallMs,
      peakMemoryBytes: memory?.peakBytes ?? exit.rusage.maxRssBytes,
      oomKills: Math.max(0, kills - oomKillsBefore),
    }
    const exitCode = shellCode(exit, signalNumber)
    return {
      exitCode,
      signal: exit.kind === 'signaled' ? exit.signal : null,
      stdout: decode(stdout),
      stderr: decode(stderr),
      stdoutBytes: stdout,
      stderrBytes: stderr,
      outcome: this.#reason ?? outcomeOf(exit, exitCode, usage.oomKills),
      usage,
      stats,
      notApplied: container.plan.notApplied,
    }
  }

  /** Ends it when it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.end()
    await this.#ended
  }
}

/** A command whose three standard streams are pipes: the default. */
export type PipedCommand = Command & { readonly stdin: Writable; readonly stdout: Readable; readonly stderr: Readable }

/** A kill for want of memory looks like any SIGKILL; only the group's own counter tells them apart. */
function outcomeOf(exit: Exit, exitCode: number, oomKills: number): Outcome {
  if (oomKills > 0 && exitCode !== 0) return 'oom'
  return exit.kind
}

const decoder = new TextDecoder()
const decode = (bytes: Uint8Array): string => decoder.decode(bytes)
