import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import { attachTree, type Attributes, copyTree, directorySteps, newFilesystem, type Root } from './trees.ts'

/** A path below /proc that exists on this host. */
export interface ProcPath {
  /** Relative to /proc, `sys` */
  readonly path: string
  readonly directory: boolean
}

/** Files and directories of /proc that tell about the host or its kernel: covered (inventory X16). */
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
const SHOWN: Attributes = ['MOUNT_ATTR_RDONLY', ...ATTRIBUTES]
const NOTHING: Attributes = ['MOUNT_ATTR_RDONLY', ...ATTRIBUTES]

/**
 * Mounts the sandbox's own /proc and covers what is not for it. While the old root is still there: the kernel gives a new procfs
 * to a user namespace only where a whole one can be seen (mount_too_revealing in fs/namespace.c).
 */
export function procSteps(p: Program, root: Root, existing: readonly ProcPath[]): void {
  p.because('proc', 'Before the old root goes: a user namespace gets a procfs only where it can see a whole one')
  directorySteps(p, root, 'proc', 0o555)
  const proc = newFilesystem(p, 'proc', {}, ATTRIBUTES)
  p.move_mount(proc, '', root.fd, 'proc', ['MOVE_MOUNT_F_EMPTY_PATH'])
  protectSteps(p, proc, existing)
  maskSteps(p, root.fd, proc, existing)
  p.close(proc)
}

function protectSteps(p: Program, proc: Ref<Fd>, existing: readonly ProcPath[]): void {
  p.because('proc', 'They change the kernel for everybody: read-only, by descriptor from the procfs just made (CVE-2025-52881)')
  for (const { path } of existing.filter((each) => (PROTECTED as readonly string[]).includes(each.path))) {
    const tree = copyTree(p, proc, path, SHOWN)
    attachTree(p, tree, proc, path)
  }
}

/** Files are covered by the null device, directories by one empty directory that no longer has a name. */
function maskSteps(p: Program, root: Ref<Fd>, proc: Ref<Fd>, existing: readonly ProcPath[]): void {
  const masked = existing.filter((each) => (MASKED as readonly string[]).includes(each.path))
  if (masked.length === 0) return
  p.because('proc', 'They tell about the host: covered by the null device that was attached above (CVE-2025-31133), or by nothing')
  if (masked.some((each) => each.directory)) p.mkdirat(root, '.empty', 0o555)
  for (const { path, directory } of masked) {
    const cover = copyTree(p, root, directory ? '.empty' : 'dev/null', directory ? NOTHING : ATTRIBUTES.filter(isNotNodev))
    attachTree(p, cover, proc, path)
  }
  if (masked.some((each) => each.directory)) p.unlinkat(root, '.empty', ['AT_REMOVEDIR'])
}

const isNotNodev = (attribute: string): boolean => attribute !== 'MOUNT_ATTR_NODEV'
