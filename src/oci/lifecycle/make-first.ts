import { assertProcfs } from '../../bundle/process/procfs.ts'
import type { SyncAgent } from '../../kernel/agent.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import { type Program, program } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { Creation } from './create-container.ts'
import { CAP_SYS_ADMIN } from './facts.ts'
import { type MakerProgram, makerProgram } from './maker-program.ts'
import { factsOf, type FirstPlan, planFirst } from './plan-first.ts'
import { recordAhead, recordOf } from './record-of.ts'
import type { Undo } from './undo.ts'

/** The first process, born and named, with its ids and in its groups; it has not done anything. */
export interface MadeFirst {
  readonly record: ContainerRecord
  /** What it does first, planned while it was made */
  readonly plan: FirstPlan
  /** Descriptors of sources that only its maker could open, in this process: attached to the setup */
  readonly sources: readonly number[]
}

export async function makeFirst(creation: Creation, undo: Undo): Promise<MadeFirst> {
  const { bundle, namespaces, group, idWriter, maker, first, kept } = creation
  const { config } = bundle
  const opens = opensSources(creation)
  const { sourceSteps } = opens ? await import('../../bundle/mounts/source-steps.ts') : {}
  const openSources = (p: Program, places: ContainerRecord['groups']) =>
    sourceSteps?.(p, config, factsOf(creation, places)).map(({ fd }) => fd) ?? []
  const made = makerProgram({
    config,
    namespaces,
    group,
    idWriter,
    kept: kept.all.length,
    ...(opens && !group.scope ? { openSources: (p: Program) => openSources(p, group.places) } : {}),
  })
  const posted = maker.post(made.program, { descriptors: [first.socket, ...kept.all] })
  // Planned while the maker works: the two processes have a processor each.
  const planned = group.scope || opens ? null : await planFirst(creation, group.places, 0)
  const result = explained(made, () => maker.answer(posted))
  first.born()
  if (made.procfs) assertProcfs(result, made.procfs)
  const pid = Number(result.get(made.pid))
  undo.made(pid)
  if (idWriter === 'newuidmap') {
    const { writeMapsByHelpers } = await import('./id-map-helpers.ts')
    writeMapsByHelpers(maker, pid, config.linux ?? {})
  }
  const { places, scope } = await startScope(creation, pid)
  undo.grouped(places, scope)
  const closDirectory = await intelRdt(creation, pid, undo)
  const sources = opens && group.scope ? openLater(maker, (p) => openSources(p, places)) : result.descriptors
  return {
    record: recordOf(creation, pid, {
      groups: places,
      ...(scope === undefined ? {} : { scope }),
      ...(closDirectory === undefined ? {} : { closDirectory }),
    }),
    plan: planned ?? (await planFirst(creation, places, sources.length)),
    sources,
  }
}

function explained(made: MakerProgram, run: () => ProgramResult): ProgramResult {
  try {
    return run()
  } catch (error) {
    throw made.entry.explain(error)
  }
}

async function startScope(
  { context, group }: Creation,
  pid: number,
): Promise<{ readonly places: ContainerRecord['groups']; readonly scope?: string }> {
  if (!group.scope) return { places: group.places }
  const { startScopeSync } = await import('../cgroups/systemd-scope.ts')
  return startScopeSync(context.kernel, group, pid)
}

/** The directory that it makes is on record before it is there: a creation that is killed leaves it to `delete --force`. */
async function intelRdt(creation: Creation, pid: number, undo: Undo): Promise<string | undefined> {
  const { bundle, options, maker, context } = creation
  const wanted = bundle.config.linux?.intelRdt
  if (!wanted) return undefined
  const { applyIntelRdt } = await import('../../bundle/host-control/intel-rdt.ts')
  let made: string | undefined
  const register = (closDirectory: string): void => {
    made = closDirectory
    undo.resctrl(closDirectory)
    context.store.save({ ...recordAhead(creation), closDirectory })
  }
  applyIntelRdt({ intelRdt: wanted, id: options.id, pid }, (p) => maker.run(p), register)
  return made
}

/** Only a process with rights over the host's mounts can clone and map them for one in a user namespace. */
function opensSources({ bundle, namespaces, rights }: Creation): boolean {
  const { mounts = [] } = bundle.config
  const mapped = mounts.some(
    ({ uidMappings, options = [] }) => uidMappings || options.includes('idmap') || options.includes('ridmap'),
  )
  return (mapped || namespaces.user !== 'runtime') && rights.has(CAP_SYS_ADMIN)
}

/** For groups that systemd has made meanwhile. */
function openLater(maker: SyncAgent, open: (p: Program) => readonly Ref<Fd>[]): readonly number[] {
  const p = program()
  open(p).forEach((fd) => p.send(fd))
  return maker.run(p).descriptors
}
