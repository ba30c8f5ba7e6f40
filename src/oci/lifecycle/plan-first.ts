import type { MountFacts } from '../../bundle/mounts/mount-facts.ts'
import { type Ready, usesSecurityModule } from '../../bundle/process/ready-steps.ts'
import type { Root } from '../../bundle/root/root.ts'
import type { Process } from '../../bundle/spec.ts'
import type { Terminal } from '../../bundle/terminal/terminal.ts'
import { type Program, program } from '../../program/builder.ts'
import { LIMITS } from '../../protocol/wire.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { PlannedCreation } from './create-container.ts'
import { findMountFacts, setgroupsOf } from './facts.ts'
import { enterBareSteps, enterSteps, type FirstInput, readyProgramSteps, setupSteps } from './first-programs.ts'
import type { KeptDescriptors } from './kept-descriptors.ts'
import { securityModules } from './security-modules.ts'

/** What the first process does first. */
export interface FirstPlan {
  readonly input: FirstInput
  readonly program: Program
  readonly root: Root | null
  /** What the program ends with, unless something comes between: the root is entered */
  readonly entry?: Entry
}

export interface Entry {
  readonly terminal: Terminal | null
}

/** Plans the first program: the setup, and if nothing comes between all the way into the root. @param sources how many descriptors its maker opened */
export async function planFirst(
  creation: PlannedCreation,
  places: ContainerRecord['groups'],
  sources: number,
): Promise<FirstPlan> {
  const plan = planSetup(creation, places, sources)
  const { hooks, linux } = creation.bundle.config
  const between = hooks?.prestart ?? hooks?.createRuntime ?? hooks?.createContainer ?? linux?.netDevices
  if (between || (plan.root?.copies.length ?? 0) > 0) return plan
  return { ...plan, entry: await planEntry(plan.input, plan.program, plan.root) }
}

/** Plans the part of a start up to where hooks of the runtime are called. */
export function planSetup(creation: PlannedCreation, places: ContainerRecord['groups'], sources: number): FirstPlan {
  const { namespaces, bundle, options, kept } = creation
  const procfs = bundle.config.process && usesSecurityModule(bundle.config.process) ? 1 : 0
  const joined = namespaces.joinedByFirst.map((_, index) => LIMITS.KEPT + kept.all.length + procfs + index)
  const facts = factsOf(creation, places)
  const input: FirstInput = { config: bundle.config, namespaces, facts, joined, pivot: !options.noPivot }
  const p = program()
  return { input, program: p, root: setupSteps(p, input, sources) }
}

/** What the plan of the mounts depends on. */
export function factsOf(
  { context, bundle, namespaces, rights, options }: PlannedCreation,
  places: ContainerRecord['groups'],
): MountFacts {
  const { config, path } = bundle
  const pivot = !options.noPivot
  return findMountFacts(context.kernel, { config, bundle: path, namespaces, places, rights, pivot })
}

/** Plans the part of a start that changes the root. */
export async function planEntry(input: FirstInput, p: Program, root: Root | null): Promise<Entry> {
  const terminals = input.config.process?.terminal ? await import('../../bundle/terminal/terminal.ts') : null
  const terminal = root ? enterSteps(p, root, input, terminals) : enterBareSteps(p, input, terminals)
  if (terminal) p.send(terminal.master)
  return { terminal }
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
