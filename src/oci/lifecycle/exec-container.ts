import { InvalidInputError, StateError } from '../../base/errors.ts'
import { parseConfig, parseProcess } from '../../bundle/config/parse-config.ts'
import { namespaceRootSteps } from '../../bundle/namespaces/namespace-steps.ts'
import { initialAffinitySteps } from '../../bundle/process/affinity.ts'
import { chrootSteps } from '../../bundle/root/enter-root.ts'
import { execProcess, joinSteps as joinNamespaces } from '../../bundle/process/exec-process.ts'
import { finalError } from '../../bundle/process/final-steps.ts'
import { assertProcfs, procfsSteps } from '../../bundle/process/procfs.ts'
import { readyError, usesSecurityModule } from '../../bundle/process/ready-steps.ts'
import { inheritedScoreSteps, resourceSteps } from '../../bundle/process/resources.ts'
import { notifyMessage } from '../../bundle/seccomp/seccomp-steps.ts'
import type { Config, NamespaceType, Process } from '../../bundle/spec.ts'
import { type Conceived, SyncAgent } from '../../kernel/agent.ts'
import { close } from '../../kernel/descriptors.ts'
import { readText, writeAtomic, writeText } from '../../kernel/files.ts'
import { isAlive, openPidfd } from '../../kernel/process.ts'
import { type Program, program } from '../../program/builder.ts'
import { cloneStep } from '../../program/special.ts'
import { LIMITS } from '../../protocol/wire.ts'
import type { Given } from '../command-line/definitions.ts'
import { assertNotFrozen } from '../cgroups/freeze.ts'
import { joinSteps as joinGroups } from '../cgroups/join-steps.ts'
import type { Context } from '../context.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { STATE_FILES } from '../state/state-store.ts'
import type { BornLast, Birth } from './born-last.ts'
import type { CreateOptions } from './create-options.ts'
import { OwnRights, setgroupsOf } from './facts.ts'
import { finalProgram } from './final-program.ts'
import { readyProgramSteps, type Terminals } from './first-programs.ts'
import { adoptOrphans } from './follow.ts'
import { checkConsole, endMaker } from './hand-over.ts'
import { holdOut } from './hold-out.ts'
import { handedDescriptors, keepDescriptors, type KeptDescriptors, passedOn } from './kept-descriptors.ts'
import type { ReadyProcess } from './ready-first.ts'
import { securityModules } from './security-modules.ts'

/** A process that was executed in a container. */
export interface Executed {
  readonly pid: number
  /** Master of its terminal, unless the console socket has it */
  readonly master?: number
}

/** Executes a process in a live container: a child of this process's agent, in the namespaces and groups of the first process. */
export async function execInContainer(
  context: Context,
  given: Given<'exec'>,
  { endsWithCaller = false }: Pick<CreateOptions, 'endsWithCaller'> = {},
): Promise<Executed> {
  const { kernel, store } = context
  const { id, options } = given
  const record = store.load(id)
  const status = store.status(record)
  if (status === 'stopped' || status === 'creating') {
    throw new StateError(`Cannot execute in container ${JSON.stringify(id)}: container not running, it is ${status}`, {
      state: status,
      wanted: 'running',
    })
  }
  if (options.ignorePaused !== true) assertNotFrozen(kernel, record.groups)
  const { config } = parseConfig(store.configText(id))
  const wanted = wantedProcess(context, config, given)
  const relayed = options.detach !== true && options.consoleSocket === undefined
  const process = wanted.terminal && relayed ? await sized(context, wanted) : wanted
  checkConsole(process, { consoleSocket: options.consoleSocket, detached: options.detach === true })
  const traced = isTraced(context, id, config, process)
  return execute({ context, given, record, config, process, traced, endsWithCaller })
}

async function sized({ kernel }: Context, process: Process): Promise<Process> {
  return (await import('./terminal-size.ts')).withCallersSize(kernel, process)
}

/** From a file of the caller's, or the container's own with what was given. */
function wantedProcess({ kernel, log }: Context, config: Config, { command, options }: Given<'exec'>): Process {
  if (options.process !== undefined) {
    const text = readText(kernel, options.process)
    if (text === undefined) {
      throw new InvalidInputError(`--process ${options.process}: no such file or directory`, { field: '--process' })
    }
    const { process, warnings } = parseProcess(text)
    warnings.forEach((warning) => log.warn(warning))
    // As other runtimes: a document that says nothing of capabilities means those of the container.
    const capabilities = process.capabilities ?? config.process?.capabilities
    return capabilities ? { ...process, capabilities } : process
  }
  if (!config.process || command.length === 0) {
    throw new InvalidInputError('A command is missing: give its words after the id, or --process FILE', {
      field: 'command',
    })
  }
  return execProcess(config.process, {
    args: command,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.user === undefined ? {} : { user: options.user }),
    tty: options.tty === true,
    ...(options.cap === undefined ? {} : { capabilities: options.cap }),
    ...(options.noNewPrivs === undefined ? {} : { noNewPrivileges: options.noNewPrivs }),
    ...(options.additionalGids === undefined ? {} : { additionalGids: options.additionalGids.map(groupId) }),
    ...(options.apparmor === undefined ? {} : { apparmor: options.apparmor }),
    ...(options.processLabel === undefined ? {} : { label: options.processLabel }),
  })
}

/** @throws InvalidInputError for what is no number: a name would be looked up in whose file? */
function groupId(text: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) < 0xffff_ffff) return Number(text)
  throw new InvalidInputError(`--additional-gids must be numbers, not ${JSON.stringify(text)}`, {
    field: '--additional-gids',
  })
}

interface Execution {
  readonly context: Context
  readonly given: Given<'exec'>
  readonly record: ContainerRecord
  readonly config: Config
  readonly process: Process
  readonly traced: boolean
  readonly endsWithCaller: boolean
}

async function execute(execution: Execution): Promise<Executed> {
  const { context, given, config, process, endsWithCaller } = execution
  const { kernel } = context
  const handed = handedDescriptors(kernel, given.options.preserveFds)
  const maker = SyncAgent.start(kernel)
  try {
    const kept = keepDescriptors(kernel, {
      process,
      seccomp: config.linux?.seccomp,
      handed,
      gate: undefined,
    })
    const conceived = SyncAgent.conceive(kernel)
    const made = join(execution, { maker, conceived, kept })
    const terminals = process.terminal ? await import('../../bundle/terminal/terminal.ts') : null
    const prepared = makeReady(execution, { agent: conceived.agent, kept, terminals })
    if (given.options.detach !== true) adoptOrphans(kernel)
    const { agent, pid, ready, filtered } = await born(execution, {
      mother: { agent: conceived.agent, pid: made },
      ...{ maker, kept, terminals, ready: prepared },
    })
    const p = await finalProgram(kernel, {
      process,
      linux: filtered ? undefined : config.linux,
      ready,
      ...passedOn(kept),
      exec: true,
      endsWithCaller,
      ...(kept.listener === undefined ? {} : { listener: listenerOf(execution, kept.listener, pid) }),
    })
    if (given.options.pidFile) writeAtomic(kernel, given.options.pidFile, String(pid), { mode: 0o644 })
    const sent = await sendTerminal(execution, ready)
    if (given.options.detach !== true) holdOut(kernel)
    endMaker(kernel, maker)
    try {
      agent.become(p)
    } catch (error) {
      throw finalError(error, ready.executable)
    }
    return { pid, ...(sent || ready.master === undefined ? {} : { master: ready.master }) }
  } catch (error) {
    maker.end()
    throw error
  }
}

/** The process that executes: the one that was made, or where that would be looked into by others, a child of it. */
async function born(
  { context, config, process, traced }: Execution,
  birth: Omit<Birth, 'process' | 'linux'>,
): Promise<BornLast> {
  const { mother, ready } = birth
  if (!traced) return { ...mother, ready, filtered: false }
  const { bearLast } = await import('./born-last.ts')
  return bearLast(context.kernel, { process, linux: config.linux, ...birth })
}

interface Joining {
  readonly maker: SyncAgent
  readonly conceived: Conceived
  readonly kept: KeptDescriptors
}

const ROOT_DIRECTORY = ['O_PATH', 'O_DIRECTORY', 'O_CLOEXEC'] as const

/** The maker enters groups and namespaces, and makes the process there. Which process is entered is held by a descriptor and its start time. */
function join(execution: Execution, { maker, conceived, kept }: Joining): number {
  const { context, given, record, config, process } = execution
  const { kernel } = context
  const pidfd = openPidfd(kernel, record.pid)
  if (pidfd === undefined || !isAlive(kernel, record.pid, record.startTime)) {
    throw new StateError(`Cannot execute in container ${JSON.stringify(record.id)}: container not running`, {
      state: 'stopped',
      wanted: 'running',
    })
  }
  const p = program()
  const entry = joinGroups(kernel, p, record.groups, {
    paths: given.options.cgroup ?? [],
    pid: record.pid,
  })
  initialAffinitySteps(p, process)
  const keepsProcfs = usesSecurityModule(process)
  const procfs = keepsProcfs || process.oomScoreAdj !== undefined ? procfsSteps(p) : undefined
  if (procfs) inheritedScoreSteps(p, process, procfs.fd)
  if (procfs && !keepsProcfs) p.close(procfs.fd)
  const types = namespacesOf(config)
  // Held before the namespaces are joined by a descriptor, which fails when the process has ended and its number is another's.
  const root = types.includes('mount') ? undefined : p.openat('AT_FDCWD', `/proc/${record.pid}/root`, ROOT_DIRECTORY)
  joinNamespaces(
    p,
    p.attached(1),
    types.filter((type) => !joinedByItself(execution).includes(type)),
  )
  if (root) chrootSteps(p, root)
  p.because('exec', 'A child in the container’s namespaces, with a socket of its own to the caller')
  const made = cloneStep(p, {
    flags: [],
    control: p.attached(0),
    keep: [
      ...kept.all.map((_, index) => p.attached(2 + index)),
      ...(procfs && keepsProcfs ? [procfs.fd] : []),
      p.attached(1),
    ],
    ...(entry.cgroup ? { cgroup: entry.cgroup } : {}),
  })
  p.close(made.pidfd)
  entry.settle(made.pid)
  if (hasUserNamespace(config)) resourceSteps(p, { process, pid: made.pid })
  try {
    const result = maker.run(p, { descriptors: [conceived.socket, pidfd, ...kept.all] })
    if (procfs) assertProcfs(result, procfs)
    return Number(result.get(made.pid))
  } catch (error) {
    throw entry.explain(error)
  } finally {
    conceived.born()
    close(kernel, pidfd)
  }
}

const namespacesOf = ({ linux }: Config): readonly NamespaceType[] => linux?.namespaces?.map(({ type }) => type) ?? []

/**
 * Where groups are delegated (nsdelegate), whoever is in a namespace of groups makes no child in a group outside of it, and its maker is
 * outside (cgroups(7)): this namespace is joined by the child itself. A pid namespace is there for its children alone.
 */
const joinedByItself = ({ config, traced }: Execution): readonly NamespaceType[] =>
  namespacesOf(config).filter((type) => type === 'cgroup' || (type === 'pid' && traced))

function joinLateSteps(p: Program, execution: Execution, first: number): void {
  const late = joinedByItself(execution)
  if (late.length > 0) {
    p.because('namespaces', 'The container’s view of groups, from within them; or its pid namespace, for a child')
    p.setns(
      first,
      late.map((type) => (type === 'cgroup' ? 'CLONE_NEWCGROUP' : 'CLONE_NEWPID')),
    )
  }
  p.close(first)
}

/**
 * Whether processes of the container may look into one of ours that is beside them, which still has rights and descriptors of its maker:
 * by its configuration, or as an `exec` gave one the right, which is noted before that one has it. A user namespace has no rights over ours
 * (`joinNamespaces`).
 */
function isTraced({ kernel, store }: Context, id: string, config: Config, process: Process): boolean {
  if (hasUserNamespace(config)) return false
  if (mayTrace(config.process)) return true
  const note = `${store.directory(id)}/${STATE_FILES.tracer}`
  const traced = readText(kernel, note) !== undefined
  if (!traced && mayTrace(process)) writeText(kernel, note, '', 0o600)
  return traced
}

/** The bounding set decides: nothing outside of it is had after an execution (capabilities(7)). */
const mayTrace = (process: Process | undefined): boolean =>
  process?.capabilities?.bounding?.includes('CAP_SYS_PTRACE') ?? false

const hasUserNamespace = ({ linux }: Config): boolean => linux?.namespaces?.some(({ type }) => type === 'user') ?? false

interface Making {
  readonly agent: SyncAgent
  readonly kept: KeptDescriptors
  readonly terminals: Terminals | null
}

function makeReady(execution: Execution, { agent, kept, terminals }: Making): ReadyProcess {
  const { context, record, config, process, traced } = execution
  const p = program()
  joinLateSteps(p, execution, LIMITS.KEPT + kept.all.length + (usesSecurityModule(process) ? 1 : 0))
  if (hasUserNamespace(config)) namespaceRootSteps(p)
  const terminal = terminals
    ? terminals.terminalSteps(p, 'AT_FDCWD', {
        uid: process.user?.uid ?? 0,
        forChild: traced,
        ...(process.consoleSize ? { size: process.consoleSize } : {}),
      })
    : null
  try {
    const ready = readyProgramSteps(p, {
      id: record.id,
      process: traced ? withoutScheduler(process) : process,
      ...(config.linux ? { linux: config.linux } : {}),
      exec: true,
      setgroups: setgroupsOf(context.kernel, record.pid),
      resources: hasUserNamespace(config) ? 'done' : 'here',
      ...(hasUserNamespace(config) ? {} : { available: new OwnRights(context.kernel).grantable }),
      stdio: kept.stdio,
      ...(usesSecurityModule(process)
        ? { proc: LIMITS.KEPT + kept.all.length, securityModules: securityModules(context.kernel) }
        : {}),
    })
    if (terminal) p.send(terminal.master)
    const result = agent.run(p)
    terminal?.check(result)
    const { executable, env, warnings } = ready.finish(result, (more) => agent.run(more))
    warnings.forEach((warning) => context.log.warn(warning))
    if (!terminal) return { executable, env, stdio: kept.stdio }
    const slave = Number(result.get(terminal.slave))
    return { executable, env, stdio: [slave, slave, slave], master: result.descriptors[0] as number }
  } catch (error) {
    throw readyError(error, process)
  }
}

/** A child need not inherit it: it is set when that is there. */
function withoutScheduler(process: Process): Process {
  const { scheduler: _scheduler, ...rest } = process
  return rest
}

function listenerOf(
  { record, config }: Execution,
  socket: number,
  pid: number,
): { readonly socket: number; readonly message: string } {
  const metadata = config.linux?.seccomp?.listenerMetadata
  const state = { ...record, status: 'running', ...(metadata === undefined ? {} : { metadata }) }
  return { socket, message: notifyMessage(state, pid) }
}

async function sendTerminal({ context, given }: Execution, { master }: ReadyProcess): Promise<boolean> {
  const path = given.options.consoleSocket
  if (path === undefined || master === undefined) return false
  const { sendMaster } = await import('./console-socket.ts')
  sendMaster(context.kernel, path, master)
  return true
}
