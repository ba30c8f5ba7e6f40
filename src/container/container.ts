import { readFileSync } from 'node:fs'
import { StateError, UnsupportedError } from '../base/errors.ts'
import { Cgroup } from '../cgroup/index.ts'
import type { CgroupPlan } from '../features/cgroups/plan-cgroups.ts'
import { parseStatistics } from '../features/cgroups/readings/parse-statistics.ts'
import { statisticsFiles, type StatisticsKind } from '../features/cgroups/readings/statistics-files.ts'
import type { Statistics } from '../features/cgroups/readings/statistics.ts'
import type { CallOptions } from '../linux/call-options.ts'
import type { CommandSettings } from '../plan/command-program.ts'
import { planCommand, type SandboxPlan } from '../plan/plan-sandbox.ts'
import type { Agent } from '../process/agent.ts'
import { terminalStream } from '../process/exec.ts'
import type { Process } from '../process/process.ts'
import { openStdio, type Stdio } from '../process/streams/stdio.ts'
import { openTerminal, type TerminalSize } from '../process/streams/terminal.ts'
import { limitsOf } from '../process/connection/waiting.ts'
import { program } from '../program/builder.ts'
import type { Forks } from './forks.ts'
import { leave } from './leave.ts'

/** A command on its way into a container. */
export interface Enter extends CallOptions {
  readonly command: CommandSettings
  readonly stdio: Stdio | 'pty'
  readonly size?: TerminalSize
}

/** A live sandbox: its first process, which stays an agent and reaps, and the plan that it was made by. */
export class Container {
  readonly plan: SandboxPlan
  readonly #root: Agent
  readonly #init: Agent
  readonly #forks: Forks
  readonly #key: number
  #closing: Promise<void> | undefined
  #group: Promise<Cgroup> | undefined
  #paused = false

  constructor(root: Agent, init: Agent, forks: Forks, plan: SandboxPlan, key: number) {
    this.#root = root
    this.#init = init
    this.#forks = forks
    this.#key = key
    this.plan = plan
  }

  /** PID of its first process on the host; undefined when it has ended */
  get pid(): number | undefined {
    return this.#init.hostPid
  }

  /** Starts a command in it. @throws SyscallError, StateError, TimeoutError, the signal's reason */
  async enter(how: Enter): Promise<Process> {
    if (this.#closing) throw new StateError('Sandbox is closed', { state: 'closed', wanted: 'open' })
    if (this.#paused)
      throw new StateError('Sandbox is paused: nothing in it runs before resume()', {
        state: 'paused',
        wanted: 'running',
      })
    return how.stdio === 'pty' ? this.#enterWithTerminal(how) : this.#enterWithStdio(how, how.stdio)
  }

  /** The command's program is sent before the child is known to exist: it finds its orders waiting. */
  async #enterWithStdio(how: Enter, stdio: Stdio): Promise<Process> {
    const { agent, born } = this.#forks.take()
    const ends = openStdio(stdio)
    try {
      const process = agent.become(planCommand(this.plan, how.command), ends, {
        ...limitsOf(how),
        descriptors: ends.theirs,
      })
      process.catch(() => {})
      await born
      return await this.#orClose(process, agent)
    } catch (error) {
      ends.destroy()
      throw error
    } finally {
      ends.release()
    }
  }

  /** The terminal must exist before the program that uses it, in the process that it belongs to. */
  async #enterWithTerminal(how: Enter): Promise<Process> {
    const { agent, born } = this.#forks.take()
    await born
    const { user } = this.plan.settings
    const open = openTerminal(agent, { ...limitsOf(how), ...(how.size ? { size: how.size } : {}), owner: user })
    const { master, slave } = await this.#orClose(open, agent)
    const stream = terminalStream(master)
    const command = planCommand(this.plan, { ...how.command, terminal: slave })
    try {
      const streams = { stdin: stream, stdout: stream, stderr: null, terminal: master }
      return await this.#orClose(agent.become(command, streams, limitsOf(how)), agent)
    } catch (error) {
      stream.destroy()
      throw error
    }
  }

  /** A child that became no command is of no use. */
  async #orClose<T>(work: Promise<T>, child: Agent): Promise<T> {
    try {
      return await work
    } catch (error) {
      child.kill('SIGKILL')
      await child.close()
      throw error
    }
  }

  /** Sends a signal to every process in it but the first (kill(2) with -1 from PID 1). */
  async killAll(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const p = program()
    p.tolerate('ESRCH').kill(-1, signal)
    await this.#wake()
    await this.#init.run(p)
  }

  /** Sends a signal to a process group of it, by the number it has inside. */
  async killGroup(pid: number, signal: string): Promise<void> {
    const p = program()
    p.tolerate('ESRCH').kill(-pid, signal as never)
    await this.#wake()
    await this.#init.run(p)
  }

  /** Its first process sends the signals: when it stands still, whoever paused it, it has to go on first. */
  async #wake(): Promise<void> {
    const { freezer = 'thawed' } = this.statistics(['freezer'])
    if (freezer !== 'thawed' && !this.#closing) await this.resume()
  }

  /** What its groups tell at this moment, of some kinds or all; what this host does not count is left out. */
  statistics(kinds?: readonly StatisticsKind[]): Statistics {
    const files = statisticsFiles(ownGroups(this.plan), kinds)
    const texts = files.flatMap(({ path }): [string, string][] => {
      const text = readIfThere(path)
      return text === undefined ? [] : [[path, text]]
    })
    return parseStatistics(new Map(texts), files)
  }

  /**
   * Its groups, live.
   * @throws UnsupportedError on a host where it has none, StateError when it is closed, SyscallError ENOENT when somebody removed them
   */
  group(): Promise<Cgroup> {
    if (this.#closing) throw new StateError('Sandbox is closed', { state: 'closed', wanted: 'open' })
    const places = ownGroups(this.plan)
    if (places.length === 0) {
      throw new UnsupportedError('This sandbox has no group of its own', {
        fact: 'cgroups',
        remedy: 'carrel doctor tells why this host gives none, and what would change it',
      })
    }
    this.#group ??= Cgroup.open(this.#root, places)
    this.#group.catch(() => (this.#group = undefined))
    return this.#group
  }

  /** Stops all of its processes where they are. @throws UnsupportedError, TimeoutError when they do not stop */
  async pause(): Promise<void> {
    const group = await this.group()
    this.#paused = true
    try {
      await group.freeze()
    } catch (error) {
      this.#paused = false
      throw error
    }
  }

  /** Lets them go on. */
  async resume(): Promise<void> {
    await (await this.group()).thaw()
    this.#paused = false
  }

  /** Ends everything in it and removes what it has on the host; resolves when nothing is left. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Anybody may have frozen it. */
  async #thaw(): Promise<void> {
    const group = await Cgroup.open(this.#root, ownGroups(this.plan)).catch(() => undefined)
    await group?.thaw()
  }

  /** Its first process has nothing to tidy up in there: the kernel ends all others with it (pid_namespaces(7)). */
  async #close(): Promise<void> {
    this.#init.kill('SIGKILL')
    if (freezesLikeV1(this.plan)) await this.#thaw()
    await this.#init.close()
    await leave(this.#root, this.plan, this.#key)
  }
}

const ownGroups = ({ cgroups }: SandboxPlan): CgroupPlan['groups'] => cgroups.groups.filter(({ shared }) => !shared)

/** Whether its processes may stand still in a way that not even SIGKILL ends (freezer of v1). */
const freezesLikeV1 = ({ cgroups }: SandboxPlan): boolean =>
  cgroups.groups.some(({ version, controllers }) => version === 1 && controllers.includes('freezer'))

/** A file that this kernel does not have, or that went with its group, tells nothing. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
