import type { CallOptions } from '../linux/call-options.ts'
import type { MountOptions } from '../linux/mountinfo.ts'
import type { ListedEntry } from '../linux/directory.ts'
import type { PathArg } from '../linux/raw-arg.ts'
import type { Flags } from '../linux/flags.ts'
import type { CloneFlag } from '../linux/tables/clone.ts'
import type { Program } from '../program/builder.ts'
import { type ProgramResult, succeeded } from '../program/result.ts'
import type { Agent, ForkOptions } from './agent.ts'
import { type CommandOptions, type CommandResult, runCommand, type ScriptOptions } from './calls/commands.ts'
import { readDirectory, type ReaddirOptions } from './calls/directory.ts'
import { Environment } from './calls/environment.ts'
import type { ExecOptions, PipedExecOptions } from './exec.ts'
import { type OpenedProcess, openIdentity, type ProcessIdentity } from './calls/identity.ts'
import { readMountOptions } from './calls/mount-options.ts'
import type { Operations } from './calls/operation.ts'
import { type OriginalTitle, type ProcessTitle, setTitle } from './calls/proc-title.ts'
import type { PipedProcess, Process } from './process.ts'
import { type Sys, sysOf } from './calls/sys.ts'
import { runTask, type TaskOptions, type TaskResult } from './calls/task.ts'
import { becomeUser, type User } from './calls/user.ts'

export interface RunOptions extends CallOptions {
  /** Descriptors of this process that the program refers to as `attached(0)`, …; they stay open here */
  readonly descriptors?: readonly number[]
}

/** Where a process comes from: what it has from there is copied for a child, and shared by the handles of one process, mostly. */
export type CallerOrigin =
  | { readonly env?: Readonly<Record<string, string>> | undefined }
  | { readonly parent: Caller }
  | { readonly same: Caller; readonly environment?: Environment }

/** Whatever runs programs in one process: an agent, or a handle with fewer rights. What is made of system calls alone is here. */
export abstract class Caller {
  /** What the programs of this process get as their environment, unless their exec says otherwise */
  readonly environment: Environment
  readonly #title: OriginalTitle

  /** @throws InvalidInputError for an environment that cannot be */
  constructor(origin: CallerOrigin = {}) {
    if ('same' in origin) this.environment = origin.environment ?? origin.same.environment
    else if ('parent' in origin) this.environment = origin.parent.environment.child()
    else this.environment = new Environment(origin.env)
    const relative = 'same' in origin ? origin.same : 'parent' in origin ? origin.parent : undefined
    this.#title = relative ? relative.#title : {}
  }

  /** Any system call of the kernel, by its name: `await agent.sys.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)` */
  readonly sys: Sys = sysOf(
    (p, options) => this.run(p, options),
    () => this.over,
  )

  /** Whether the process has ended the connection itself, without a complaint: how the success of exit(2) and execve(2) looks */
  protected get over(): boolean {
    return false
  }

  /** Runs a program in the process, in one message; a program that the kernel stopped is a result too, with its `failure`. */
  abstract attempt(p: Program, options?: RunOptions): Promise<ProgramResult>

  /**
   * Runs a program in the process, in one message.
   * @throws SyscallError for the first error that its step does not tolerate; descriptors that the program had opened are closed
   * @throws StateError (also for a call that the filter of the process forbids), AgentError, TimeoutError, the signal's reason
   */
  async run(p: Program, options: RunOptions = {}): Promise<ProgramResult> {
    return succeeded(await this.attempt(p, options))
  }

  /** Makes a child that shares all namespaces. @throws SyscallError, StateError */
  fork(options?: ForkOptions): Promise<Agent> {
    return this.clone([], options)
  }

  /** Makes a child in new namespaces (clone3(2)). @throws SyscallError, StateError, InvalidInputError */
  abstract clone(flags: Flags<CloneFlag>, options?: ForkOptions): Promise<Agent>

  /** Replaces the process by a program (execve(2)). @throws SyscallError, StateError, InvalidInputError */
  abstract exec(path: string, argv?: readonly string[], options?: PipedExecOptions): Promise<PipedProcess>
  abstract exec(path: string, argv?: readonly string[], options?: ExecOptions): Promise<Process>

  /** The environment as execve(2) takes it, `NAME=value`. At once, as all of it is: it is kept here (see Environment). */
  environ(): string[] {
    return this.environment.list()
  }

  /** A variable of the environment, undefined when it is not set. @throws InvalidInputError */
  getenv(name: string): string | undefined {
    return this.environment.get(name)
  }

  /** Sets a variable, or only one that is not set yet. @throws InvalidInputError */
  setenv(name: string, value: string, overwrite = true): void {
    this.environment.set(name, value, overwrite)
  }

  /** Takes a variable out of the environment. @throws InvalidInputError */
  unsetenv(name: string): void {
    this.environment.unset(name)
  }

  /** Empties the environment. */
  clearenv(): void {
    this.environment.clear()
  }

  /**
   * Everything that a directory holds, of any number and size, `.` and `..` included, in the kernel's order.
   * @throws SyscallError ENOENT, ENOTDIR, EACCES
   */
  readdir(path: PathArg, options: ReaddirOptions = {}): Promise<ListedEntry[]> {
    return readDirectory(this, path, options)
  }

  /**
   * The options of the mount that a path lies in, as the kernel has them now.
   * @throws SyscallError ENOENT; StateError when the process sees no mount of that kind in /proc/self/mountinfo
   */
  mountOptions(path: PathArg, options: CallOptions = {}): Promise<MountOptions> {
    return readMountOptions(this, path, options)
  }

  /**
   * Names the process for ps(1); an empty title brings back the first one. What is too long is cut, the result tells what is shown.
   * @throws InvalidInputError for NUL in the title
   */
  setproctitle(title: string): Promise<ProcessTitle> {
    return setTitle(this, title, this.#title)
  }

  /**
   * Makes the process another user, in one program: supplementary groups (default: none), then group, then user, each real, effective
   * and saved; reads them back, and sets the parent-death signal again, which the kernel has cleared.
   * @throws InvalidInputError; SyscallError EPERM, EINVAL (not mapped): it then has fewer rights than before or the same;
   * StateError when the kernel tells other ids than were set: the process has been ended
   */
  setUser(user: User, options: CallOptions = {}): Promise<void> {
    return becomeUser(this, user, options)
  }

  /**
   * Opens a process by its identity, that of one that was left behind by `detach()` for instance. Needs a process in the pid namespace of
   * this one.
   * @throws StateError when it has ended, or its pid is another process's by now
   */
  openProcess(identity: ProcessIdentity, options: CallOptions = {}): Promise<OpenedProcess> {
    return openIdentity(this, identity, options)
  }

  /**
   * Makes a child and carries out a list of operations in it, system calls that stand next to each other as one program. The first
   * failure ends the child and is thrown; `operationOf(error)` tells where it was.
   * @throws InvalidInputError naming the place of what is no operation, before anything is done
   */
  task<State = undefined>(operations: Operations<State>, options: TaskOptions<State> = {}): Promise<TaskResult<State>> {
    return runTask(this, operations, options)
  }

  /**
   * Runs a program in a child and gathers its output; resolves when it has ended, and with it all that it has started.
   * @throws SyscallError when it cannot be executed; InvalidInputError; the signal's reason
   */
  cmd(
    argv: readonly string[],
    options: CommandOptions & { readonly encoding: 'buffer' },
  ): Promise<CommandResult<Uint8Array>>
  cmd(argv: readonly string[], options?: CommandOptions): Promise<CommandResult<string>>
  cmd(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult<string | Uint8Array>> {
    return runCommand(this, argv, options)
  }

  /** Runs a shell script as `cmd` does, by /bin/sh. Values belong into `args` ("$1", …), not into the text of the script. */
  sh(script: string, options: ScriptOptions & { readonly encoding: 'buffer' }): Promise<CommandResult<Uint8Array>>
  sh(script: string, options?: ScriptOptions): Promise<CommandResult<string>>
  sh(script: string, options: ScriptOptions = {}): Promise<CommandResult<string | Uint8Array>> {
    const { args = [], ...rest } = options
    return runCommand(this, ['/bin/sh', '-c', script, 'sh', ...args], rest)
  }
}
