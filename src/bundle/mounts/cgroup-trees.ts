import type { MountAttributes } from '../../linux/generated/signatures.ts'
import type { MountAttr } from '../../linux/tables/mount.ts'
import type { Config } from '../spec.ts'
import { hasNamespace, isCgroup, type MountFacts, plannedMounts } from './mount-facts.ts'
import { newMountAttributes } from './mount-options.ts'

/** A part of the host's control groups that a container sees. */
export interface CgroupTree {
  /** `cgroup:memory`, `cgroup:` of v2 */
  readonly key: string
  /** Name below the mount, `cpu,cpuacct`; empty for v2 */
  readonly name: string
  readonly path: string
  /** What is changed of its mount, null for nothing */
  readonly attributes: MountAttributes | null
}

/**
 * What a container sees of the host's control groups when they are shown by binds: of v1 its own group in each hierarchy; of v2, which
 * a cgroup namespace mounts anew, its own group when it has no rights over the host, and else the whole tree, as engines expect of
 * `--cgroupns=host`. Not a new mount of v2 then: one without options would reset those of the host (nsdelegate).
 */
export function cgroupTrees(config: Config, facts: MountFacts): readonly CgroupTree[] {
  const planned = plannedMounts(config).find(isCgroup)
  const { cgroups } = facts
  if (!planned || !cgroups) return []
  const attributes = changeOf(newMountAttributes(planned.options))
  if (cgroups.version === 1) {
    if (planned.mount.type === 'cgroup2') return []
    return cgroups.hierarchies.map(({ name, path }) => ({ key: `cgroup:${name}`, name, path, attributes }))
  }
  const whole = !hasNamespace(config, 'cgroup') && !facts.userNamespace && facts.privileged
  const needed = !hasNamespace(config, 'cgroup') || facts.userNamespace
  return needed ? [{ key: 'cgroup:', name: '', path: whole ? cgroups.root : cgroups.path, attributes }] : []
}

/** Frozen: all trees have it, and a program holds it once. */
function changeOf(set: readonly MountAttr[]): MountAttributes | null {
  if (set.length === 0) return null
  // A rule of access times is a number among the bits (mount_setattr(2)).
  const isTimed = set.some((name) => name.endsWith('ATIME') && name !== 'MOUNT_ATTR_NODIRATIME')
  const attr_set = Object.freeze([...set])
  return Object.freeze(isTimed ? { attr_set, attr_clr: TIMES } : { attr_set })
}

const TIMES = Object.freeze(['MOUNT_ATTR__ATIME'] as const)
