import { InvalidInputError } from '../../base/errors.ts'
import type { FdLike } from '../root/fd-like.ts'
import { covered, findTarget, makeTarget, type Root } from '../root/root.ts'
import type { Program } from '../../program/builder.ts'
import type { Config } from '../spec.ts'
import { cgroupMount } from './cgroup-mount.ts'
import { filesystemMount, OWN_TYPES } from './filesystem-mount.ts'
import {
  isBind,
  isCgroup,
  mustBePlain,
  type MountFacts,
  type MountInput,
  type PlannedMount,
  plannedMounts,
  type Sources,
} from './mount-facts.ts'
import { spreadSteps } from './attributes.ts'
import { namedMount } from './named-mount.ts'
import { remountSteps } from './remount.ts'

/**
 * Makes the mounts of a configuration, in their order. Each target is resolved once inside the root and used by descriptor.
 * @throws InvalidInputError naming the mount that cannot be meant
 */
export function mountSteps(p: Program, root: Root, config: Config, facts: MountFacts, sources: Sources): void {
  for (const planned of plannedMounts(config)) {
    checkDestination(planned)
    p.because('mounts', `${planned.destination} (${planned.pointer})`)
    oneMount(p, root, planned, { config, facts, sources })
    covered(root, planned.destination)
  }
}

function oneMount(p: Program, root: Root, planned: PlannedMount, input: MountInput): void {
  const { mount, options } = planned
  if (options.remount) return remountSteps(p, root, planned)
  if (isBind(planned)) return bindMount(p, root, planned, input)
  if (changesPropagation(planned)) return propagationChange(p, root, planned)
  if (isCgroup(planned)) return cgroupMount(p, root, planned, input)
  if (OWN_TYPES.has(mount.type ?? '') && !options.flags.some((flag) => flag === 'MS_I_VERSION')) {
    return filesystemMount(p, root, planned, input)
  }
  return namedMount(p, root, planned, input)
}

/** Paths of /proc that say what the machine is like; to show others there is a file’s lie to whoever trusts /proc (CVE-2019-16884). */
const PROC_FILES: ReadonlySet<string> = new Set([
  '/proc/cpuinfo',
  '/proc/diskstats',
  '/proc/loadavg',
  '/proc/meminfo',
  '/proc/net/dev',
  '/proc/slabinfo',
  '/proc/stat',
  '/proc/swaps',
  '/proc/sys/kernel/ns_last_pid',
  '/proc/uptime',
])

function checkDestination(planned: PlannedMount): void {
  const { mount, destination, pointer, options } = planned
  const refuse = (rule: string): never => {
    throw new InvalidInputError(`${pointer}/destination ${rule}`, { field: `${pointer}/destination` })
  }
  if (destination === '/' && !options.remount && !changesPropagation(planned)) {
    refuse('must not be "/": the root file system is named by /root/path')
  }
  if (options.remount || changesPropagation(planned)) return
  if (destination === '/proc' && mount.type !== 'proc' && mount.source !== '/proc') {
    refuse('is /proc, where nothing but a procfs may be mounted: use type proc, or bind the host’s /proc')
  }
  if (destination.startsWith('/proc/') && mount.type !== 'proc' && !PROC_FILES.has(destination)) {
    refuse(`is below /proc, where only these may be covered: ${[...PROC_FILES].join(', ')}`)
  }
}

function bindMount(p: Program, root: Root, planned: PlannedMount, { facts, sources }: MountInput): void {
  const { mount, destination, options, pointer } = planned
  const tree = sources.get(pointer) as FdLike
  const kind = facts.kinds[mount.source ?? ''] === 'file' ? 'file' : 'directory'
  const place = facts.links?.[destination]
  // Whether it is what the link leads to is the kernel's to say: the target is found by the link.
  if (place !== undefined && kind === 'file') p.close(makeTarget(p, root, place, kind))
  const target = makeTarget(p, root, destination, kind, { noSymlinks: mustBePlain(planned) })
  p.move_mount(tree, '', target, '', ['MOVE_MOUNT_F_EMPTY_PATH', 'MOVE_MOUNT_T_EMPTY_PATH'])
  p.close(target)
  spreadSteps(p, tree, options)
  p.close(tree)
}

/** A line that names no file system changes the mount that is there: `mount --make-rshared`. */
const changesPropagation = ({ mount, options }: PlannedMount): boolean =>
  (mount.type === undefined || mount.type === '' || mount.type === 'none') &&
  options.bind === 'no' &&
  options.propagation.length > 0

function propagationChange(p: Program, root: Root, { destination, options }: PlannedMount): void {
  const { fd } = findTarget(p, root, destination, 'directory')
  spreadSteps(p, fd, options)
  p.close(fd)
}
