import type { NamespacePlan } from '../../bundle/namespaces/namespace-plan.ts'
import {
  joinNamespaceSteps,
  ociIdMap,
  openNamespaceSteps,
  timeNamespaceSteps,
} from '../../bundle/namespaces/namespace-steps.ts'
import { procfsSteps, type ProcfsHandle } from '../../bundle/process/procfs.ts'
import { resourceSteps, scoreSteps } from '../../bundle/process/resources.ts'
import { usesSecurityModule } from '../../bundle/process/security-label.ts'
import type { Config } from '../../bundle/spec.ts'
import { type IdMap, idMapSteps } from '../../features/users/id-map.ts'
import type { Fd, Pid, Ref } from '../../linux/ref.ts'
import { type Program, program } from '../../program/builder.ts'
import { cloneStep } from '../../program/special.ts'
import { type GroupEntry, groupSteps } from '../cgroups/group-steps.ts'
import type { GroupPlan } from '../cgroups/plan-group.ts'

/** What the maker of a container's first process needs to know. */
export interface MakerInput {
  readonly config: Config
  readonly namespaces: NamespacePlan
  readonly group: GroupPlan
  readonly idWriter: IdMap['writer']
  /** How many descriptors the first process keeps, beginning with attached descriptor 1 */
  readonly kept: number
  /** Adds what opens sources that only the maker can, once the groups are there */
  readonly openSources?: (p: Program) => readonly Ref<Fd>[]
}

/** The program of a maker, and how to read its result. */
export interface MakerProgram {
  readonly program: Program
  readonly pid: Ref<Pid>
  /** Of the host; only when something is written through it */
  readonly procfs: ProcfsHandle | undefined
  readonly entry: GroupEntry
}

/**
 * What happens in the caller's own namespaces: groups with their limits, then the first process in its namespaces, then its ids.
 * The first process waits for its first order meanwhile, so nothing of the container runs before all this is done.
 */
export function makerProgram({ config, namespaces, group, idWriter, kept, openSources }: MakerInput): MakerProgram {
  const p = program()
  const joined = openNamespaceSteps(p, namespaces.joinedByMaker)
  const forFirst = openNamespaceSteps(p, namespaces.joinedByFirst)
  const keepsProcfs = config.process !== undefined && usesSecurityModule(config.process)
  const procfs = keepsProcfs || config.process?.oomScoreAdj !== undefined ? procfsSteps(p) : undefined
  const entry = groupSteps(p, group)
  openSources?.(p).forEach((fd) => p.send(fd))
  if (namespaces.newTime) timeNamespaceSteps(p, config.linux?.timeOffsets)
  joinNamespaceSteps(p, namespaces.joinedByMaker, joined)
  if (isVisible(namespaces)) {
    p.because('namespaces', 'Others are in its pid namespace already: not to be looked into by them (CVE-2016-9962)')
    p.prctl('PR_SET_DUMPABLE', 0, 0, 0, 0)
  }
  p.because('namespaces', '/linux/namespaces: the first process, born in all that are new, with a socket of its own')
  const fromCaller = Array.from({ length: kept }, (_, index) => p.attached(1 + index))
  const { pid, pidfd } = cloneStep(p, {
    flags: namespaces.birth,
    control: p.attached(0),
    keep: [...fromCaller, ...(procfs && keepsProcfs ? [procfs.fd] : []), ...forFirst],
    ...(entry.cgroup ? { cgroup: entry.cgroup } : {}),
  })
  p.close(pidfd)
  entry.settle(pid)
  if (config.process && procfs) scoreSteps(p, config.process, procfs.fd, pid)
  if (namespaces.user === 'new') {
    if (config.process) resourceSteps(p, { process: config.process, pid })
    if (idWriter !== 'newuidmap') idMapSteps(p, pid, ociIdMap(config.linux ?? {}, idWriter))
  }
  return { program: p, pid, procfs, entry }
}

/** In a user namespace of its own nobody of another one has rights over it, and its maps could not be written by an ordinary user. */
const isVisible = ({ user, joinedByMaker }: NamespacePlan): boolean =>
  user !== 'new' && joinedByMaker.some(({ type }) => type === 'pid')
