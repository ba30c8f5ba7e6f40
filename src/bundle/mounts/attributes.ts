import { StateError } from '../../base/errors.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import type { MountAttr } from '../../linux/tables/mount.ts'
import type { Program } from '../../program/builder.ts'
import type { FdLike } from '../root/fd-like.ts'
import type { Config } from '../spec.ts'
import type { MountFacts } from './mount-facts.ts'
import type { AttributeChange, MountOptions } from './mount-options.ts'

/**
 * Cuts the mount namespace off from the host's. As other runtimes: what the host unmounts goes away here too (slave), unless the
 * configuration says otherwise; with `shared` only the mount that holds the root is cut off, which pivot_root(2) wants.
 * @throws StateError when the facts lack the mount of the root
 */
export function propagationSteps(p: Program, config: Config, facts: MountFacts): void {
  const wanted: string = config.linux?.rootfsPropagation || 'slave'
  if (wanted.endsWith('shared') && !facts.userNamespace) {
    if (facts.rootMount === undefined) {
      throw new StateError('Mount of the root is not known: it was asked for by mountFacts', {
        state: 'no rootMount',
        wanted: 'rootMount',
      })
    }
    p.because('mounts', 'Mounts stay shared with the host, as asked; not the one that holds the root (pivot_root(2))')
    p.mount(null, facts.rootMount, null, ['MS_PRIVATE'], null)
    return
  }
  p.because('mounts', 'Nothing mounted from here on may travel back to the host (mount_namespaces(7))')
  p.mount(null, '/', null, ['MS_REC', wanted.endsWith('slave') ? 'MS_SLAVE' : 'MS_PRIVATE'], null)
}

/**
 * Sets what the options ask for on a detached tree. In a user namespace the flags of the host's mounts are locked: none is taken back,
 * and an access time rule that differs stays (mount_namespaces(7), "Restrictions").
 */
export function attributeSteps(p: Program, tree: Ref<Fd>, options: MountOptions, facts: MountFacts): void {
  const isLocked = facts.userNamespace && !facts.privileged
  changeSteps(p, tree, options.recursive, true, isLocked)
  changeSteps(p, tree, options.top, false, isLocked)
}

function changeSteps(
  p: Program,
  tree: Ref<Fd>,
  { set, clear }: AttributeChange,
  recursive: boolean,
  isLocked: boolean,
): void {
  const flags = recursive ? (['AT_EMPTY_PATH', 'AT_RECURSIVE'] as const) : (['AT_EMPTY_PATH'] as const)
  if (!isLocked) {
    if (set.length + clear.length > 0) p.mount_setattr(tree, '', flags, { attr_set: set, attr_clr: clear })
    return
  }
  const isTime = (name: MountAttr) => TIMES.includes(name)
  const plain = set.filter((name) => !isTime(name))
  if (plain.length > 0) p.mount_setattr(tree, '', flags, { attr_set: plain })
  if (clear.includes('MOUNT_ATTR__ATIME')) {
    p.tolerate('EPERM').mount_setattr(tree, '', flags, {
      attr_set: set.filter(isTime),
      attr_clr: ['MOUNT_ATTR__ATIME'],
    })
  }
}

const TIMES: readonly MountAttr[] = ['MOUNT_ATTR_NOATIME', 'MOUNT_ATTR_STRICTATIME', 'MOUNT_ATTR_RELATIME']

/** Sets how a mount that was just attached shares what is mounted in it. */
export function spreadSteps(p: Program, mount: FdLike, { propagation }: MountOptions): void {
  for (const { flag, recursive } of propagation) {
    p.mount_setattr(mount, '', recursive ? ['AT_EMPTY_PATH', 'AT_RECURSIVE'] : ['AT_EMPTY_PATH'], {
      propagation: [flag],
    })
  }
}
