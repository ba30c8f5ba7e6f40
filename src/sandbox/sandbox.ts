import { InvalidInputError } from '../base/errors.ts'
import { Cgroup, type GroupWatch } from '../cgroup/index.ts'
import type { NotApplied } from '../features/cgroups/find-refusal.ts'
import type { StatisticsKind } from '../features/cgroups/readings/statistics-files.ts'
import type { Statistics } from '../features/cgroups/readings/statistics.ts'
import { parseDuration } from '../features/limits/parse-size.ts'
import { withSwap } from '../container/live-sandbox-control.ts'
import type { Container } from '../container/container.ts'
import { startContainer } from '../container/start.ts'
import type { CommandSettings } from '../plan/command-program.ts'
import { planSandbox } from '../plan/plan-sandbox.ts'
import type { Stdio } from '../process/streams/stdio.ts'
import type { TerminalSize } from '../process/streams/terminal.ts'
import { Command, type PipedCommand } from './command.ts'
import type { ResourceOptions, RunOptions, SandboxOptions } from './options.ts'
import { releaseRange, takeRange } from './id-ranges.ts'
import { parseOptions } from './parse-options.ts'
import { parseUpdate } from './parse-resources.ts'
import type { RunResult } from './result.ts'
import { prepare, workshop } from './workshop.ts'

/** What can be said about a command that the caller talks to. */
export interface SpawnOptions extends Omit<RunOptions, 'stdin' | 'throwOnError'> {
  /** Standard streams; default: pipes. `pty`: a terminal of its own */
  readonly stdio?: Stdio | 'pty'
  /** Size of the terminal; default 80 x 24 */
  readonly size?: TerminalSize
}

/** The streams are pipes, all three. */
export interface PipedSpawnOptions extends SpawnOptions {
  readonly stdio?: 'pipe'
}

/**
 * A room of its own for commands: namespaces, limits, a root file system, and a first process that reaps. Commands start in it,
 * several at a time; closing it ends them and leaves nothing behind.
 */
export class Sandbox implements AsyncDisposable {
  readonly #container: Container
  readonly #options: SandboxOptions
  #running = 0
  #closed = false
  /** Last count of the group: kills before a command are not its own */
  #oomKills = 0

  private constructor(container: Container, options: SandboxOptions) {
    this.#container = container
    this.#options = options
  }

  /**
   * Makes a sandbox.
   * @throws InvalidInputError naming the option, UnsupportedError naming what this host lacks, SyscallError naming the step
   * @example
   * await using box = await Sandbox.create({ memory: '256M', pids: 64, cpus: 1 })
   * const { stdout } = await box.run('echo', ['hello'])
   */
  static async create(options: SandboxOptions = {}): Promise<Sandbox> {
    const parsed = parseOptions(options)
    const settings = { ...parsed, range: takeRange(parsed.range) }
    try {
      const shop = await workshop()
      const { facts, maker } = await prepare(shop, settings)
      const plan = planSandbox(settings, facts, maker?.facts)
      const container = await startContainer(shop.root, plan, facts, {
        ...(maker ? { maker } : {}),
        ...(options.signal ? { signal: options.signal } : {}),
      })
      return new Sandbox(container, options)
    } catch (error) {
      releaseRange(settings.range)
      throw error
    }
  }

  /** Id of the sandbox on this host: what `carrel ps` lists, and part of the names of its groups */
  get id(): string {
    return this.#container.plan.settings.identity.id
  }

  /** PID of its first process on the host; undefined when it has ended */
  get pid(): number | undefined {
    return this.#container.pid
  }

  /** Limits that this host cannot enforce, with the reason and what stands in for them */
  get notApplied(): readonly NotApplied[] {
    return this.#container.plan.notApplied
  }

  /**
   * Runs a command and waits for its end. How it ended is the result, not an error.
   * @param command a path, or a name that is looked up in the sandbox's PATH
   * @throws SyscallError ENOENT or EACCES when there is no such command, CommandError when `throwOnError` is set
   */
  async run(command: string, args: readonly string[] = [], options: RunOptions = {}): Promise<RunResult> {
    const { stdin, throwOnError, ...rest } = options
    const spawned = await this.spawn(command, args, {
      ...rest,
      stdio: [stdin === undefined ? 'null' : 'pipe', 'pipe', 'pipe'],
    })
    return spawned.collect({ ...(stdin === undefined ? {} : { stdin }), throwOnError: throwOnError ?? false })
  }

  /** Starts a command and leaves its streams to the caller. @throws SyscallError, StateError, InvalidInputError */
  async spawn(command: string, args?: readonly string[], options?: PipedSpawnOptions): Promise<PipedCommand>
  async spawn(command: string, args?: readonly string[], options?: SpawnOptions): Promise<Command>
  async spawn(command: string, args: readonly string[] = [], options: SpawnOptions = {}): Promise<Command> {
    if (options.signal?.aborted) throw options.signal.reason
    const { stdio = 'pipe', size } = options
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs
    const started = performance.now()
    const process = await this.#container.enter({
      command: this.#command(command, args, options),
      stdio,
      ...(size ? { size } : {}),
    })
    this.#running++
    void process.exited.then(() => this.#running--)
    return new Command(process, {
      name: command,
      container: this.#container,
      started,
      oomKillsBefore: this.#oomKills,
      onOomKills: (total) => (this.#oomKills = total),
      isAlone: () => this.#running === 1,
      ...(timeoutMs === undefined ? {} : { timeoutMs: parseDuration(timeoutMs, 'timeoutMs') }),
      ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }),
      ...(options.outputLimitBytes === undefined ? {} : { outputLimitBytes: options.outputLimitBytes }),
      ...(options.signal ? { signal: options.signal } : {}),
    })
  }

  #command(path: string, args: readonly string[], options: SpawnOptions): CommandSettings {
    const { plan } = this.#container
    if (typeof path !== 'string' || path === '')
      throw new InvalidInputError('command is empty: give a path or a name', { field: 'command' })
    return {
      path,
      argv: [path, ...args],
      env: { ...plan.settings.env, ...options.env },
      workdir: options.cwd ?? plan.settings.workdir,
      rlimits: plan.rlimits,
    }
  }

  /**
   * What its groups count and allow at this moment; what this host does not count is left out.
   * @param kinds default: `cpu`, `memory`, `pids` and `io`
   * @throws UnsupportedError on a host where it has no group, StateError when it is closed
   */
  async stats(kinds?: readonly StatisticsKind[]): Promise<Statistics> {
    const group = await this.#container.group()
    return kinds ? group.statistics(kinds) : ((await Cgroup.statistics(group.caller, [group]))[0] ?? {})
  }

  /**
   * Changes what it may use, from now on: only what is named. What cannot be enforced is refused, or with `bestEffort` given back.
   * @throws InvalidInputError, UnsupportedError naming the limit; SyscallError with file, value and reason
   */
  async update(options: ResourceOptions): Promise<readonly NotApplied[]> {
    const wanted = parseUpdate(options)
    const group = await this.#container.group()
    const resources = await withSwap(group.caller, group, wanted)
    return group.update(resources, { bestEffort: this.#options.bestEffort ?? false })
  }

  /** Stops all of its processes where they are; commands are not started meanwhile. @throws UnsupportedError without a group */
  pause(): Promise<void> {
    return this.#container.pause()
  }

  /** Lets them go on. */
  resume(): Promise<void> {
    return this.#container.resume()
  }

  /**
   * What happens to it from now on, told by the kernel: memory that ran out, refused forks, pauses. Ends with the sandbox, or when the loop
   * is left.
   * @throws UnsupportedError on a host where it has no group
   * @example
   * for await (const { kind } of await box.watch()) if (kind === 'oom') …
   */
  async watch(options: { readonly signal?: AbortSignal } = {}): Promise<GroupWatch> {
    const watch = (await this.#container.group()).watch(options)
    await watch.ready()
    return watch
  }

  /** Ends every command in it and removes all that it has on this host. Idempotent. */
  async close(): Promise<void> {
    await this.#container.close()
    if (!this.#closed) releaseRange(this.#container.plan.settings.range)
    this.#closed = true
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
