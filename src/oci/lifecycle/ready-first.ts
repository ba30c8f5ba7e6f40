import { readyError } from '../../bundle/process/ready-steps.ts'
import { copiesOf, type Copy, resumeRoot, type Root, verifyRoot } from '../../bundle/root/root.ts'
import type { Process } from '../../bundle/spec.ts'
import type { Terminal } from '../../bundle/terminal/terminal.ts'
import { close } from '../../kernel/descriptors.ts'
import type { SyncAgent } from '../../kernel/agent.ts'
import { machineArch } from '../../linux/arch.ts'
import { type Program, program } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'
import type { Creation } from './create-container.ts'
import { compiledFilter } from './final-program.ts'
import { stateText } from './hook-state.ts'
import { runHooks } from './hooks.ts'
import type { MadeFirst } from './make-first.ts'
import { type Entry, planEntry, planReady } from './plan-first.ts'
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
  const { plan } = made
  const { p, root, terminal, sources }: Entering = plan.entry
    ? { ...plan.entry, p: plan.program, root: plan.root, sources: made.sources }
    : await afterSetup(creation, made, undo)
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

/** A program that ends in the root. */
interface Entering extends Entry {
  readonly p: Program
  readonly root: Root | null
  /** To be attached to the program; closed afterwards */
  readonly sources: readonly number[]
}

/** The setup alone, what comes after it, and the program that goes on from there. */
async function afterSetup(creation: Creation, { plan, sources, record }: MadeFirst, undo: Undo): Promise<Entering> {
  const { context, first } = creation
  const result = first.agent.run(plan.program, { descriptors: sources })
  sources.forEach((fd) => close(context.kernel, fd))
  if (plan.root) verifyRoot(plan.root, result)
  const root = plan.root && resumeRoot(plan.root, result)
  if (plan.root && plan.root.copies.length > 0) await copyUp(first.agent, copiesOf(plan.root, result))
  await moveDevices(creation, record.pid)
  undo.hooksRan()
  hooksOfCreation(creation, record.pid)
  const p = program()
  return { p, root, ...(await planEntry(plan.input, p, root)), sources: [] }
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
