import { type Ready, readyError, usesSecurityModule } from '../../bundle/process/ready-steps.ts'
import { copiesOf, type Copy, resumeRoot, type Root, verifyRoot } from '../../bundle/root/root.ts'
import type { Process } from '../../bundle/spec.ts'
import type { Terminal } from '../../bundle/terminal/terminal.ts'
import { close } from '../../kernel/descriptors.ts'
import type { SyncAgent } from '../../kernel/agent.ts'
import { machineArch } from '../../linux/arch.ts'
import { type Program, program } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'
import { LIMITS } from '../../protocol/wire.ts'
import type { Creation, PlannedCreation } from './create-container.ts'
import { setgroupsOf } from './facts.ts'
import { compiledFilter } from './final-program.ts'
import { enterBareSteps, enterSteps, type FirstInput, readyProgramSteps } from './first-programs.ts'
import { stateText } from './hook-state.ts'
import { runHooks } from './hooks.ts'
import type { KeptDescriptors } from './kept-descriptors.ts'
import type { MadeFirst } from './make-first.ts'
import { securityModules } from './security-modules.ts'
import type { Undo } from './undo.ts'

/** What a process is to execute, as it found it. */
export interface ReadyProcess {
  readonly executable: string
  readonly env: readonly string[]
  /** Master of its terminal, in this process */
  readonly master?: number
  /** What becomes its standard descriptors, as it numbers them */
  readonly stdio: readonly number[]
}

/** Takes the first process through its start, up to where nothing can fail but the execution itself. */
export async function readyFirst(creation: Creation, made: MadeFirst, undo: Undo): Promise<ReadyProcess> {
  const { context, bundle, first } = creation
  const process = bundle.config.process as Process
  const { p, root, sources } = await beforeRoot(creation, made, undo)
  const terminal = await planEntry(made.input, { p, root })
  const entering = first.agent.post(p, { descriptors: sources })
  // Planned while the first process mounts: the two have a processor each.
  const readying = program()
  const ready = planReady(creation, readying)
  if (bundle.config.linux?.seccomp) await compiledFilter(bundle.config.linux.seccomp)
  const entered = first.agent.answer(entering)
  sources.forEach((fd) => close(context.kernel, fd))
  if (root) verifyRoot(root, entered)
  const { executable, env, warnings } = explained(process, () =>
    ready.finish(first.agent.run(readying), (more) => first.agent.run(more)),
  )
  warnings.forEach((warning) => context.log.warn(warning))
  return { executable, env, ...streams(creation, terminal, entered) }
}

/** Plans the part of a start that changes the root. */
export async function planEntry(input: FirstInput, { p, root }: Pick<Onward, 'p' | 'root'>): Promise<Terminal | null> {
  const terminals = input.config.process?.terminal ? await import('../../bundle/terminal/terminal.ts') : null
  const terminal = root ? enterSteps(p, root, input, terminals) : enterBareSteps(p, input, terminals)
  if (terminal) p.send(terminal.master)
  return terminal
}

/** Plans the part of a start that makes the process what it is to be. */
export function planReady(
  { context, bundle, options, kept, idWriter, namespaces, rights }: PlannedCreation,
  p: Program,
): Ready {
  const process = bundle.config.process as Process
  return readyProgramSteps(p, {
    id: options.id,
    process,
    ...(bundle.config.linux ? { linux: bundle.config.linux } : {}),
    newKeyring: !options.noNewKeyring,
    ...(namespaces.user === 'runtime' ? { available: rights.grantable } : {}),
    setgroups: namespaces.user === 'runtime' ? setgroupsOf(context.kernel) : idWriter === 'single' ? 'deny' : 'allow',
    resources: namespaces.user === 'new' ? 'done' : 'here',
    stdio: kept.stdio,
    ...(usesSecurityModule(process)
      ? { proc: procfsNumber(kept), securityModules: securityModules(context.kernel) }
      : {}),
  })
}

/** Number of the handle of the host's /proc in the first process: its maker keeps it behind the descriptors of the caller. */
const procfsNumber = ({ all }: KeptDescriptors): number => LIMITS.KEPT + all.length

function streams(
  { kept }: Creation,
  terminal: Terminal | null,
  result: ProgramResult,
): Pick<ReadyProcess, 'stdio' | 'master'> {
  if (!terminal) return { stdio: kept.stdio }
  terminal.check(result)
  const slave = Number(result.get(terminal.slave))
  const [master] = result.descriptors
  return { stdio: [slave, slave, slave], ...(master === undefined ? {} : { master }) }
}

/** A program that goes on from where the old root is left; it begins with the setup when nothing comes between. */
interface Onward {
  readonly p: Program
  readonly root: Root | null
  /** To be attached to the program; closed afterwards */
  readonly sources: readonly number[]
}

async function beforeRoot(creation: Creation, { setup, sources, record }: MadeFirst, undo: Undo): Promise<Onward> {
  const { context, bundle, first } = creation
  const { hooks, linux } = bundle.config
  const stops = hooks?.prestart ?? hooks?.createRuntime ?? hooks?.createContainer ?? linux?.netDevices
  if (!stops && (setup.root?.copies.length ?? 0) === 0) return { p: setup.program, root: setup.root, sources }
  const result = first.agent.run(setup.program, { descriptors: sources })
  sources.forEach((fd) => close(context.kernel, fd))
  if (setup.root) verifyRoot(setup.root, result)
  const root = setup.root && resumeRoot(setup.root, result)
  if (setup.root && setup.root.copies.length > 0) await copyUp(first.agent, copiesOf(setup.root, result))
  await moveDevices(creation, record.pid)
  undo.hooksRan()
  hooksOfCreation(creation, record.pid)
  return { p: program(), root, sources: [] }
}

async function copyUp(agent: SyncAgent, copies: readonly Copy<number>[]): Promise<void> {
  const { copyUpRounds } = await import('../../bundle/mounts/tmpcopyup.ts')
  const rounds = copyUpRounds(machineArch(), copies)
  let round = rounds.next()
  while (!round.done) round = rounds.next(agent.run(round.value))
}

async function moveDevices({ bundle, maker, first }: Creation, pid: number): Promise<void> {
  const devices = bundle.config.linux?.netDevices
  if (!devices || Object.keys(devices).length === 0) return
  const { moveNetDevices } = await import('../../bundle/host-control/net-devices.ts')
  moveNetDevices(
    devices,
    (p) => maker.run(p),
    (p) => first.agent.run(p),
    pid,
  )
}

/** Before the root is changed: those of the runtime in its own namespaces, then those of the container in the container's. */
function hooksOfCreation({ context, bundle, maker, first, options }: Creation, pid: number): void {
  const { hooks, ociVersion, annotations = {} } = bundle.config
  const { kernel } = context
  const state = stateText({ id: options.id, pid, bundle: bundle.path, annotations }, 'creating', ociVersion)
  runHooks(hooks, 'prestart', { kernel, place: maker, state })
  runHooks(hooks, 'createRuntime', { kernel, place: maker, state })
  runHooks(hooks, 'createContainer', { kernel, place: first.agent, state })
}

function explained<T>(process: Process, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw readyError(error, process)
  }
}
