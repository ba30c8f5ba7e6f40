import { StateError } from '../base/errors.ts'
import type { NotApplied } from '../features/cgroups/find-refusal.ts'
import { idMapSteps, type IdMap, singleMap } from '../features/users/id-map.ts'
import type { HostFacts } from '../host/facts.ts'
import { signalNumber } from '../linux/signal.ts'
import type { CloneFlag } from '../linux/tables/clone.ts'
import { Agent } from '../process/agent.ts'
import { terminalStream } from '../process/exec.ts'
import type { Process } from '../process/process.ts'
import { openStdio, type StdioTarget } from '../process/streams/stdio.ts'
import { type Exit, shellCode } from '../process/tree/exit.ts'
import { explained } from '../program/listing.ts'
import { type Program, program } from '../program/builder.ts'
import { type ContainerInput, enterProgram, execProgram } from './container-programs.ts'
import { inspectPre, inspectRoot } from './inspect-root.ts'
import { limitChild } from './limit-group.ts'
import type { NsSettings } from './settings.ts'

/** Streams of INIT: a terminal of its own, or a target for each. */
export type InitStreams = 'terminal' | readonly [StdioTarget, StdioTarget, StdioTarget]

/** What whoever runs a container hears of it while it does. */
export interface NsObserver {
  /** Each step as it begins; `listing` is the program that it runs, with its reasons */
  step(text: string, listing?: string): void
  /** Limits that were asked for with best effort, and are not enforced */
  notApplied(limits: readonly NotApplied[]): void
  /** Whoever gets the signals from now on: PRE, then INIT, and nobody between them */
  signals(process: Process | null): void
  /** Copies the streams of INIT that are not inherited, until what it returns has resolved */
  connect(init: Process): () => Promise<void>
}

/** How a container ended. */
export interface NsResult {
  /** Of INIT, or of PRE when that failed; 128 and the signal's number when a signal ended it */
  readonly exitCode: number
  readonly program: 'pre' | 'init'
  readonly exit: Exit
}

/** How a container is run. */
export interface RunNs {
  readonly settings: NsSettings
  readonly facts: HostFacts
  readonly streams: InitStreams
  readonly observer: NsObserver
  /** Until INIT runs, an abort undoes everything */
  readonly stop: AbortSignal
}

/**
 * Makes the namespaces, runs PRE beside and INIT in them, and waits for INIT. When it returns or throws, nothing is left: no process, not
 * even one that PRE has left behind, no group, no mount.
 * @throws InvalidInputError, UnsupportedError, SyscallError, the reason of `stop`
 */
export async function runNs({ settings, facts, streams, observer, stop }: RunNs): Promise<NsResult> {
  const { pre, user } = settings
  const map = user && singleMap({ uid: 0, gid: 0 }, user)
  if (pre !== null) inspectPre(pre)
  await using root = await Agent.start()
  const { hasDevices } = await inspectRoot(root, settings)

  observer.step(`clone: ${namespaces(settings).join(' ')}`)
  const child = await cloneChild(root, settings, facts)
  observer.step(`the child is process ${child.pid}; it waits`)
  stop.throwIfAborted()

  if (map) await mapIds(root, child, map, observer)

  const { group, notApplied } = await limitChild(root, child, settings, facts)
  await using limited = group
  if (limited) observer.step(`limits: ${limited.directories.join(' ')}`)
  if (notApplied.length > 0) observer.notApplied(notApplied)
  stop.throwIfAborted()

  if (pre !== null) {
    observer.step(`pre: ${pre} ${child.pid}`)
    const exit = await runPre(root, pre, child.pid, settings, observer)
    stop.throwIfAborted()
    if (!isSuccess(exit)) return { exitCode: shellCode(exit, signalNumber), program: 'pre', exit }
  }

  const ownDev = settings.dev === 'own' || (settings.dev === 'auto' && !hasDevices)
  const input = { settings, map, procPaths: facts.procPaths, ownDev, terminal: streams === 'terminal' }
  const init = await release(child, input, streams, observer, stop)

  const disconnect = observer.connect(init)
  observer.signals(init)
  const exit = await init.exited
  observer.signals(null)
  await disconnect()
  observer.step(`init has ended: ${describeExit(exit)}`)
  return { exitCode: shellCode(exit, signalNumber), program: 'init', exit }
}

/** The namespaces that the child is born in. The cgroup namespace comes later, when it is in its group. */
function namespaces({ user, network, ipc }: NsSettings): CloneFlag[] {
  return [
    ...(user ? (['CLONE_NEWUSER'] as const) : []),
    ...(['CLONE_NEWNS', 'CLONE_NEWPID', 'CLONE_NEWUTS'] as const),
    ...(ipc === 'own' ? (['CLONE_NEWIPC'] as const) : []),
    ...(network ? (['CLONE_NEWNET'] as const) : []),
  ]
}

/** The child stands in ROOT. In a user namespace it could not give up root's groups any more (setgroups(2)): it is born without. */
async function cloneChild(root: Agent, settings: NsSettings, facts: HostFacts): Promise<Agent> {
  await root.sys.chdir(settings.root)
  const drops = settings.user !== null && facts.capabilities.includes('CAP_SETGID')
  if (drops) await root.sys.setgroups([])
  const child = await root.clone(namespaces(settings))
  if (drops) await root.sys.setgroups(facts.groups)
  return child
}

async function mapIds(root: Agent, child: Agent, map: IdMap, observer: NsObserver): Promise<void> {
  const p = program()
  idMapSteps(p, child.pid, map)
  observer.step(`ids: container 0 is uid ${map.uids[0]?.outside}, gid ${map.gids[0]?.outside}`, explained(p.steps))
  await root.run(p)
}

/** In /tmp, on the host, with the child's pid and nothing else of ours: no descriptor, no variable but those of the settings. */
async function runPre(
  root: Agent,
  path: string,
  pid: number,
  { env }: NsSettings,
  observer: NsObserver,
): Promise<Exit> {
  const child = await root.fork()
  const pre = await child.exec(path, [path, String(pid)], { cwd: '/tmp', env, stdio: ['null', 'inherit', 'inherit'] })
  observer.signals(pre)
  const exit = await pre.exited
  observer.signals(null)
  return exit
}

const isSuccess = (exit: Exit): boolean => exit.kind === 'exited' && exit.code === 0

/** The child's first orders: it makes ROOT its root, and becomes INIT. */
async function release(
  child: Agent,
  input: ContainerInput,
  streams: InitStreams,
  observer: NsObserver,
  stop: AbortSignal,
): Promise<Process> {
  const { settings } = input
  const enter = enterProgram(input)
  observer.step(`release: the child enters ${settings.root}`, explained(enter.program.steps))
  const entered = await child.run(enter.program)
  assertFirst(entered.get(enter.pid), entered.get(enter.uid))
  stop.throwIfAborted()
  if (enter.slave) {
    const [master] = entered.descriptors as [number]
    const last = execProgram(settings, entered.get(enter.slave))
    return becomeInTerminal(child, last, master, settings, observer)
  }
  return becomeWith(child, execProgram(settings), streams as readonly StdioTarget[], settings, observer)
}

const sayExec = (observer: NsObserver, { init, args }: NsSettings, p: Program): void =>
  observer.step(`exec: ${[init, ...args].join(' ')}`, explained(p.steps))

async function becomeInTerminal(
  child: Agent,
  p: Program,
  terminal: number,
  settings: NsSettings,
  observer: NsObserver,
): Promise<Process> {
  sayExec(observer, settings, p)
  const stream = terminalStream(terminal)
  try {
    return await child.become(p, { stdin: stream, stdout: stream, stderr: null, terminal })
  } catch (error) {
    stream.destroy()
    throw error
  }
}

async function becomeWith(
  child: Agent,
  p: Program,
  streams: readonly StdioTarget[],
  settings: NsSettings,
  observer: NsObserver,
): Promise<Process> {
  sayExec(observer, settings, p)
  const ends = openStdio(streams as readonly [StdioTarget, StdioTarget, StdioTarget])
  try {
    return await child.become(p, ends, { descriptors: ends.theirs })
  } catch (error) {
    ends.destroy()
    throw error
  } finally {
    ends.release()
  }
}

/** @throws StateError: INIT would be somebody else than it takes itself for */
function assertFirst(pid: number, uid: number): void {
  if (pid === 1 && uid === 0) return
  throw new StateError(`The child is process ${pid} and uid ${uid} of its namespaces, not 1 and 0`, {
    state: `${pid}, ${uid}`,
    wanted: '1, 0',
  })
}

const describeExit = (exit: Exit): string =>
  exit.kind === 'exited' ? `exit code ${exit.code}` : `signal ${exit.signal}`
