import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import { maskedOf, NULL, type ProcPath, protectSteps, READ_ONLY } from './proc.ts'
import { attachTree, copyTree, newFilesystem } from './trees.ts'

/**
 * Opens what covers the masked paths of /proc, in their order. While the host's /dev can be seen: the null device of somebody
 * else's root is not to be believed (CVE-2025-31133), and its directories need not be empty.
 */
export function openCovers(p: Program, existing: readonly ProcPath[]): Ref<Fd>[] {
  p.because(
    'proc',
    'What will cover paths of /proc: the host’s null device for files, an empty file system for directories',
  )
  return maskedOf(existing).map(({ directory }) =>
    directory
      ? newFilesystem(p, 'tmpfs', { mode: '0555', nr_inodes: '1' }, READ_ONLY)
      : copyTree(p, 'AT_FDCWD', '/dev/null', NULL),
  )
}

/** Covers what is not for a container in its /proc, whatever its root holds. Preconditions: /proc of the root is a procfs just mounted. */
export function maskProcSteps(p: Program, existing: readonly ProcPath[], covers: readonly Ref<Fd>[]): void {
  const proc = protectSteps(p, existing)
  p.because('proc', 'They tell about the host: covered')
  maskedOf(existing).forEach(({ path }, index) => attachTree(p, covers[index] as Ref<Fd>, proc, path))
  p.close(proc)
}
