import { readFileSync } from 'node:fs'
import { StateError } from '../base/errors.ts'
import { mergeUsage, parseReading, type Usage } from '../features/cgroups/readings.ts'
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
    await this.#init.run(p)
  }

  /** Sends a signal to a process group of it, by the number it has inside. */
  async killGroup(pid: number, signal: string): Promise<void> {
    const p = program()
    p.tolerate('ESRCH').kill(-pid, signal as never)
    await this.#init.run(p)
  }

  /** What its groups have counted so far of these kinds; only what this host counts. */
  counted(kinds: readonly ('oom' | 'memory' | 'pids' | 'cpu')[]): Usage {
    const readings = this.plan.cgroups.readings.filter(({ kind }) => kinds.includes(kind))
    return mergeUsage(readings.map(({ path, format }) => readUsage(path, format)))
  }

  /** Ends everything in it and removes what it has on the host; resolves when nothing is left. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Its first process has nothing to tidy up in there: the kernel ends all others with it (pid_namespaces(7)). */
  async #close(): Promise<void> {
    this.#init.kill('SIGKILL')
    await this.#init.close()
    await leave(this.#root, this.plan, this.#key)
  }
}

function readUsage(path: string, format: Parameters<typeof parseReading>[0]): Usage {
  try {
    return parseReading(format, readFileSync(path, 'utf8'))
  } catch {
    // A file that this kernel does not have, or that went with its group: not counted.
    return {}
  }
}
