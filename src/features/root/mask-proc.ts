import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import { MASKED, PROTECTED, type ProcPath } from './proc.ts'
import { attachTree, type Attributes, copyTree, newFilesystem } from './trees.ts'

const READ_ONLY: Attributes = ['MOUNT_ATTR_RDONLY', 'MOUNT_ATTR_NOSUID', 'MOUNT_ATTR_NODEV', 'MOUNT_ATTR_NOEXEC']
const NULL: Attributes = ['MOUNT_ATTR_NOSUID', 'MOUNT_ATTR_NOEXEC']

const masked = (existing: readonly ProcPath[]): readonly ProcPath[] =>
  existing.filter(({ path }) => (MASKED as readonly string[]).includes(path))

/**
 * Opens what covers the masked paths of /proc, in their order. While the host's /dev can be seen: the null device of somebody
 * else's root is not to be believed (CVE-2025-31133), and its directories need not be empty.
 */
export function openCovers(p: Program, existing: readonly ProcPath[]): Ref<Fd>[] {
  p.because(
    'proc',
    'What will cover paths of /proc: the host’s null device for files, an empty file system for directories',
  )
  return masked(existing).map(({ directory }) =>
    directory
      ? newFilesystem(p, 'tmpfs', { mode: '0555', nr_inodes: '1' }, READ_ONLY)
      : copyTree(p, 'AT_FDCWD', '/dev/null', NULL),
  )
}

/** Covers what is not for a container in its /proc, whatever its root holds. Preconditions: /proc of the root is a procfs just mounted. */
export function maskProcSteps(p: Program, existing: readonly ProcPath[], covers: readonly Ref<Fd>[]): void {
  p.because(
    'proc',
    'They change the kernel for everybody: read-only, by descriptor of the procfs just mounted (CVE-2025-52881)',
  )
  const proc = p.openat('AT_FDCWD', '/proc', ['O_PATH', 'O_DIRECTORY', 'O_NOFOLLOW', 'O_CLOEXEC'])
  for (const { path } of existing.filter((each) => (PROTECTED as readonly string[]).includes(each.path))) {
    attachTree(p, copyTree(p, proc, path, READ_ONLY), proc, path)
  }
  p.because('proc', 'They tell about the host: covered')
  masked(existing).forEach(({ path }, index) => attachTree(p, covers[index] as Ref<Fd>, proc, path))
  p.close(proc)
}
