import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import { attachTree, type Attributes, copyTree, newFilesystem } from './trees.ts'

/** A path below /proc that exists on this host. */
export interface ProcPath {
  /** Relative to /proc, `sys` */
  readonly path: string
  readonly directory: boolean
}

/** Files and directories of /proc that tell about the host or its kernel: covered. */
export const MASKED = [
  'acpi',
  'asound',
  'interrupts',
  'kcore',
  'keys',
  'latency_stats',
  'sched_debug',
  'scsi',
  'timer_list',
  'timer_stats',
] as const

/** Paths of /proc that change the kernel for everybody: shown, not writable. */
export const PROTECTED = ['bus', 'fs', 'irq', 'pressure', 'sys', 'sysrq-trigger'] as const

const ATTRIBUTES: Attributes = ['MOUNT_ATTR_NOSUID', 'MOUNT_ATTR_NODEV', 'MOUNT_ATTR_NOEXEC']
export const READ_ONLY: Attributes = ['MOUNT_ATTR_RDONLY', ...ATTRIBUTES]
export const NULL: Attributes = ['MOUNT_ATTR_NOSUID', 'MOUNT_ATTR_NOEXEC']

/**
 * Mounts a /proc of the process's own pid namespace. Where a whole one can still be seen: the kernel gives a new procfs to a user
 * namespace only there (mount_too_revealing in fs/namespace.c).
 */
export function procSteps(p: Program, root: Ref<Fd> | 'AT_FDCWD', path: string): void {
  p.because('proc', 'Only where a whole procfs can be seen does a user namespace get one')
  const proc = newFilesystem(p, 'proc', {}, ATTRIBUTES)
  p.move_mount(proc, '', root, path, ['MOVE_MOUNT_F_EMPTY_PATH'])
  p.close(proc)
}

/** Covers what is not for the sandbox in its /proc. Preconditions: the root is the sandbox's, its /proc and /dev are mounted. */
export function coverProcSteps(p: Program, existing: readonly ProcPath[]): void {
  const proc = protectSteps(p, existing)
  maskSteps(p, proc, existing)
  p.close(proc)
}

/** Makes read-only in /proc what is not for a container to change; gives /proc, for what else is to be covered there. */
export function protectSteps(p: Program, existing: readonly ProcPath[]): Ref<Fd> {
  p.because(
    'proc',
    'They change the kernel for everybody: read-only, by descriptor of the procfs just mounted (CVE-2025-52881)',
  )
  const proc = p.openat('AT_FDCWD', '/proc', ['O_PATH', 'O_DIRECTORY', 'O_NOFOLLOW', 'O_CLOEXEC'])
  for (const { path } of existing.filter((each) => (PROTECTED as readonly string[]).includes(each.path))) {
    attachTree(p, copyTree(p, proc, path, READ_ONLY), proc, path)
  }
  return proc
}

/** Those of the paths that are to be covered. */
export const maskedOf = (existing: readonly ProcPath[]): readonly ProcPath[] =>
  existing.filter(({ path }) => (MASKED as readonly string[]).includes(path))

/** Files are covered by the null device, directories by a directory without a single entry. */
function maskSteps(p: Program, proc: Ref<Fd>, existing: readonly ProcPath[]): void {
  p.because(
    'proc',
    'They tell about the host: covered by the null device that was attached above (CVE-2025-31133), or by an empty directory',
  )
  for (const { path, directory } of maskedOf(existing)) {
    const cover = directory
      ? copyTree(p, 'AT_FDCWD', `/${EMPTY}`, READ_ONLY)
      : copyTree(p, 'AT_FDCWD', '/dev/null', NULL)
    attachTree(p, cover, proc, path)
  }
}

/** A place of the root that stays empty: nothing may be bound below it. */
export const EMPTY = 'sys'
