import { InvalidInputError, StateError } from '../../base/errors.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'
import type { FdLike } from './fd-like.ts'
import type { Config } from '../spec.ts'
import { newFilesystem } from '../mounts/filesystem-mount.ts'
import { onlyAfter, succeeds } from './condition.ts'
import { nullDevice } from './device-nodes.ts'
import { writeProc } from './procfs.ts'
import { ANYTHING, inRoot, type Root } from './root.ts'

/**
 * Sets kernel parameters of the container's namespaces, `net.ipv4.ip_forward` to a text, each through a procfs that is proven to be one.
 * Before /proc/sys becomes read-only.
 * @throws InvalidInputError for a name that is none
 */
export function sysctlSteps(p: Program, root: Root, sysctl: Readonly<Record<string, string>> = {}): void {
  for (const [name, value] of Object.entries(sysctl)) {
    const path = sysctlPath(name)
    p.because('sysctl', `${name} of the container’s own namespaces, written to exactly this file (CVE-2025-52881)`)
    writeProc(p, root, `sys/${path}`, value)
  }
}

/** A name as a path: whichever of `.` and `/` comes first separates, the other one is part of a word, as in sysctl(8). */
function sysctlPath(name: string): string {
  const first = /[./]/.exec(name)?.[0]
  const path = first === '.' ? name.replace(/[./]/g, (each) => (each === '.' ? '/' : '.')) : name
  if (path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')) return path
  const field = `/linux/sysctl/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
  throw new InvalidInputError(`${field} must be a kernel parameter, as in "net.ipv4.ip_forward"`, { field })
}

/** How mounts spread between the container's root and what is bound from it (config-linux.md, "Rootfs Mount Propagation"). */
export function rootfsPropagationSteps(p: Program, root: Root, propagation: string | undefined): void {
  const isRecursive = propagation?.startsWith('r') ?? false
  const kind = PROPAGATION[isRecursive ? (propagation?.slice(1) ?? '') : (propagation ?? '')]
  if (kind === undefined) return
  p.because('root', 'How what is mounted in the root spreads, as the configuration asks; only now is it nobody else’s')
  p.mount_setattr(root.fd, '', isRecursive ? ['AT_EMPTY_PATH', 'AT_RECURSIVE'] : ['AT_EMPTY_PATH'], {
    propagation: [kind],
  })
}

const PROPAGATION: Readonly<Record<string, 'MS_SHARED' | 'MS_SLAVE' | 'MS_PRIVATE' | 'MS_UNBINDABLE'>> = {
  shared: 'MS_SHARED',
  slave: 'MS_SLAVE',
  private: 'MS_PRIVATE',
  unbindable: 'MS_UNBINDABLE',
}

const ONTO = ['MOVE_MOUNT_F_EMPTY_PATH', 'MOVE_MOUNT_T_EMPTY_PATH'] as const
const ABSENT = ['ENOENT', 'ENOTDIR'] as const

/**
 * Hides paths: a file below the null device, a directory below an empty one. What a path is shows only when it is covered, so both are
 * tried. Of the null device a copy is taken from the node that was checked to be it (CVE-2025-31133).
 */
export function maskSteps(p: Program, root: Root, paths: readonly string[] = []): void {
  if (paths.length === 0) return
  p.because('masks', 'What tells about the host: covered by the null device that was checked, or by an empty directory')
  const device = nullDevice(p, root)
  const empty = newFilesystem(p, 'tmpfs', ['source=tmpfs', 'size=0', 'nr_inodes=2', 'mode=755'], EMPTY)
  for (const path of paths) {
    const target = existing(p, root, path)
    const kind = root.proc === null ? undefined : PROC_KINDS[path]
    const hidden = kind === 'directory' ? null : hideSteps(p, device, target)
    const covered = kind === 'file' ? null : coverSteps(p, empty, target)
    root.checks.push((result) => checkMasked(path, result, target, [hidden, covered]))
    p.close(target)
  }
  p.close(empty)
}

/** What a procfs has at the usual paths; of others both is tried. Should it not be so one day, the start ends. */
const PROC_KINDS: Readonly<Record<string, 'directory' | 'file'>> = {
  '/proc/acpi': 'directory',
  '/proc/asound': 'directory',
  '/proc/kcore': 'file',
  '/proc/keys': 'file',
  '/proc/latency_stats': 'file',
  '/proc/sched_debug': 'file',
  '/proc/scsi': 'directory',
  '/proc/timer_list': 'file',
  '/proc/timer_stats': 'file',
}

/** What move_mount(2) says of a file on a directory, or a directory on a file; EINVAL has other reasons too, so one of both must go. */
const OTHER_KIND = ['ENOTDIR', 'EINVAL'] as const

function hideSteps(p: Program, device: FdLike, target: Ref<Fd>): Ref<number> {
  const cover = onlyAfter(p, target, 'open_tree', [device, '', CLONE]) as Ref<Fd>
  const hidden = succeeds(p.tolerate(...OTHER_KIND) as Program, 'move_mount', [cover, '', target, '', ONTO])
  p.close(cover)
  return hidden
}

function coverSteps(p: Program, empty: Ref<Fd>, target: Ref<Fd>): Ref<number> {
  const covered = succeeds(p.tolerate(...OTHER_KIND) as Program, 'move_mount', [empty, '', target, '', ONTO])
  // A copy of the one that was attached just now: only Linux 6.15 copies what is attached nowhere.
  const next = onlyAfter(p, covered, 'open_tree', [empty, '', CLONE]) as Ref<Fd>
  p.dup3(next, empty, ['O_CLOEXEC'])
  p.close(next)
  return covered
}

function checkMasked(
  path: string,
  result: ProgramResult,
  target: Ref<Fd>,
  covers: readonly (Ref<number> | null)[],
): void {
  if (result.get(target) < 0 || covers.some((cover) => cover && result.get(cover) >= 0)) return
  const message = `${path} of /linux/maskedPaths could be covered neither as a file nor as a directory: leave it out, or make it one`
  throw new StateError(message, { state: 'shown', wanted: 'masked' })
}

const READONLY = Object.freeze({ attr_set: Object.freeze(['MOUNT_ATTR_RDONLY'] as const) })
const CLONE_ALL = ['OPEN_TREE_CLONE', 'OPEN_TREE_CLOEXEC', 'AT_EMPTY_PATH', 'AT_RECURSIVE'] as const
const CLONE = ['OPEN_TREE_CLONE', 'OPEN_TREE_CLOEXEC', 'AT_EMPTY_PATH'] as const
const EMPTY = ['MOUNT_ATTR_RDONLY', 'MOUNT_ATTR_NOSUID', 'MOUNT_ATTR_NODEV', 'MOUNT_ATTR_NOEXEC'] as const

/** A path of the container, if it is there. */
const existing = (p: Program, root: Root, path: string): Ref<Fd> =>
  inRoot(p.tolerate(...ABSENT) as Program, root, path, ANYTHING)

/** Makes paths read-only with all that is mounted below them, by mounting each on itself. */
export function readonlySteps(p: Program, root: Root, paths: readonly string[] = []): void {
  for (const path of paths) {
    p.because('masks', 'Shown, not changed: the tree is mounted on itself, read-only throughout')
    const target = existing(p, root, path)
    const tree = p.open_tree(target, '', CLONE_ALL)
    p.mount_setattr(tree, '', ['AT_EMPTY_PATH', 'AT_RECURSIVE'], READONLY)
    p.move_mount(tree, '', target, '', ONTO)
    p.close(tree)
    p.close(target)
  }
}

/** Last of all mounts: those that had to be writable so that others could be attached in them, then the root. */
export function readonlyRootSteps(p: Program, root: Root, config: Config): void {
  if (root.late.length > 0) p.because('root', 'Read-only, now that everything is attached in them')
  for (const fd of root.late) {
    p.mount_setattr(fd, '', ['AT_EMPTY_PATH'], { attr_set: ['MOUNT_ATTR_RDONLY'] })
    p.close(fd)
  }
  root.late.length = 0
  if (!config.root?.readonly) return
  p.because('root', 'The root file system is read-only, as asked; what is mounted in it is as its own options say')
  p.mount_setattr(root.fd, '', ['AT_EMPTY_PATH'], { attr_set: ['MOUNT_ATTR_RDONLY'] })
}

/** Closes what was kept of the root: it is the process's own now. Directories that are still to be copied stay open. */
export function closeRootSteps(p: Program, root: Root): void {
  for (const fd of [root.fd, root.proc, root.nullDevice]) if (fd !== null) p.close(fd)
  root.proc = null
  root.nullDevice = null
}
