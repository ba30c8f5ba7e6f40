import type { FdLike } from '../root/fd-like.ts'
import { StateError } from '../../base/errors.ts'
import type { Program } from '../../program/builder.ts'
import { makeTarget, type Root } from '../root/root.ts'
import { type CgroupTree, cgroupTrees } from './cgroup-trees.ts'
import { newFilesystem } from './filesystem-mount.ts'
import { type ContainerCgroups, hasNamespace, type PlannedMount, type MountInput } from './mount-facts.ts'
import { newMountAttributes } from './mount-options.ts'
import { spreadSteps } from './attributes.ts'

/** Shows the container its control groups, in the form that the host has them. */
export function cgroupMount(p: Program, root: Root, planned: PlannedMount, input: MountInput): void {
  const { cgroups } = input.facts
  if (!cgroups) {
    throw new StateError('Control groups of the container are not known: they were asked for by mountFacts', {
      state: 'no cgroups',
      wanted: 'cgroups',
    })
  }
  const isV1 = cgroups.version === 1 && planned.mount.type !== 'cgroup2'
  if (isV1) hierarchiesMount(p, root, planned, input)
  else unifiedMount(p, root, planned, input, cgroups)
}

function attach(p: Program, root: Root, { destination, options }: PlannedMount, tree: FdLike): void {
  const target = makeTarget(p, root, destination, 'directory')
  p.move_mount(tree, '', target, '', ['MOVE_MOUNT_F_EMPTY_PATH', 'MOVE_MOUNT_T_EMPTY_PATH'])
  p.close(target)
  spreadSteps(p, tree, options)
}

/** A cgroup namespace mounts v2 for itself and sees its own part; a user namespace that may not is shown that part (cgroups(7)). */
function unifiedMount(
  p: Program,
  root: Root,
  planned: PlannedMount,
  { config, facts, sources }: MountInput,
  { version }: ContainerCgroups,
): void {
  const shown = sources.get('cgroup:')
  const isOwn = hasNamespace(config, 'cgroup') || version === 1
  if (isOwn) {
    const tolerated = facts.userNamespace && shown !== undefined ? ['EPERM', 'EBUSY'] : []
    const source = `source=${planned.mount.source || 'cgroup'}`
    const made = newFilesystem(p, 'cgroup2', [source], newMountAttributes(planned.options), tolerated)
    if (shown === undefined) {
      attach(p, root, planned, made)
      p.close(made)
      return
    }
    p.dup3(made, shown, ['O_CLOEXEC'])
    p.close(made)
  }
  attach(p, root, planned, shown as FdLike)
  p.close(shown as FdLike)
}

/** One directory for each hierarchy of v1, and links for the controllers of those that have several, as on a host (cgroups(7)). */
function hierarchiesMount(p: Program, root: Root, planned: PlannedMount, { config, facts, sources }: MountInput): void {
  const all = newMountAttributes(planned.options)
  const attributes = all.filter((name) => name !== 'MOUNT_ATTR_RDONLY')
  const directory = newFilesystem(p, 'tmpfs', ['source=tmpfs', 'mode=755'], attributes)
  attach(p, root, planned, directory)
  for (const tree of cgroupTrees(config, facts)) hierarchySteps(p, directory, tree, sources.get(tree.key) as FdLike)
  if (all.includes('MOUNT_ATTR_RDONLY')) {
    p.mount_setattr(directory, '', ['AT_EMPTY_PATH'], { attr_set: ['MOUNT_ATTR_RDONLY'] })
  }
  p.close(directory)
}

function hierarchySteps(p: Program, directory: FdLike, { name }: CgroupTree, tree: FdLike): void {
  p.mkdirat(directory, name, 0o755)
  p.move_mount(tree, '', directory, name, ['MOVE_MOUNT_F_EMPTY_PATH'])
  p.close(tree)
  const controllers = name.split(',')
  if (controllers.length > 1) for (const controller of controllers) p.symlinkat(name, directory, controller)
}
