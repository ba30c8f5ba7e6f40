import { StateError } from '../../base/errors.ts'
import type { Program } from '../../program/builder.ts'
import { newFilesystem } from '../mounts/filesystem-mount.ts'
import type { FdLike } from './fd-like.ts'
import type { Root } from './root.ts'

/** PROC_SUPER_MAGIC of linux/magic.h */
const PROC_SUPER_MAGIC = 0x9fa0

/**
 * A procfs of this process's pid namespace, for writing labels and kernel parameters: the one that was mounted here, a private one that
 * nothing can be mounted on, or, where a user namespace is given neither, the container's /proc, if it is one (CVE-2019-16884).
 */
export function procHandle(p: Program, root: Root): FdLike {
  if (root.proc !== null) return root.proc
  p.because('proc', 'A procfs of its own: what is mounted over the container’s cannot catch a write (CVE-2025-52881)')
  const handle = p.dup(root.fd)
  const own = p.tolerate('ENOENT', 'ENOTDIR', 'ELOOP').openat2(root.fd, 'proc', {
    flags: ['O_PATH', 'O_DIRECTORY', 'O_CLOEXEC'],
    resolve: ['RESOLVE_IN_ROOT', 'RESOLVE_NO_SYMLINKS'],
  })
  p.dup3(own, handle, ['O_CLOEXEC'])
  p.close(own)
  const made = newFilesystem(p, 'proc', [], ['MOUNT_ATTR_NOSUID', 'MOUNT_ATTR_NODEV', 'MOUNT_ATTR_NOEXEC'], ['EPERM'])
  p.dup3(made, handle, ['O_CLOEXEC'])
  p.close(made)
  const kind = p.fstatfs(handle)
  root.checks.push((result) => {
    if (Number(result.get(kind).f_type) === PROC_SUPER_MAGIC) return
    throw new StateError(
      'There is no procfs to write kernel parameters and labels through: mount one at /proc in the configuration',
      { state: 'no procfs', wanted: 'procfs' },
    )
  })
  root.proc = handle
  return handle
}

/** Writes one file of procfs: the file itself, never one that is mounted over it or that a link leads to. `path` is relative to /proc. */
export function writeProc(p: Program, root: Root, path: string, text: string): void {
  const file = p.openat2(procHandle(p, root), path, {
    flags: ['O_WRONLY', 'O_NOFOLLOW', 'O_CLOEXEC'],
    resolve: ['RESOLVE_BENEATH', 'RESOLVE_NO_XDEV', 'RESOLVE_NO_SYMLINKS'],
  })
  p.write(file, text)
  p.close(file)
}
