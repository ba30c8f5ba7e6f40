import { newFilesystem } from '../mounts/filesystem-mount.ts'
import type { MountFacts } from '../mounts/mount-facts.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import type { Root } from './root.ts'

/** How the root is entered. */
export interface EnterRoot {
  /** Without it the root is moved on top of the old one and entered by chroot(2) (`--no-pivot`, for hosts that run from an initramfs) */
  readonly pivot: boolean
  readonly facts: MountFacts
}

/** Makes the container's root the process's, and lets go of the host's. */
export function enterRootSteps(p: Program, root: Root, { pivot, facts }: EnterRoot): void {
  if (!pivot) return moveSteps(p, root, facts)
  p.because(
    'root',
    'A chroot could be left again, an old root that is unmounted is gone (pivot_root(2), "pivot_root(".", ".")")',
  )
  const old = p.openat('AT_FDCWD', '/', ['O_PATH', 'O_DIRECTORY', 'O_CLOEXEC'])
  p.fchdir(root.fd)
  p.pivot_root('.', '.')
  if (root.shared) {
    p.because('root', 'What is unmounted here stays mounted on the host, which these mounts are shared with')
    p.mount_setattr(old, '', ['AT_EMPTY_PATH', 'AT_RECURSIVE'], { propagation: ['MS_SLAVE'] })
  }
  p.close(old)
  p.umount2('.', ['MNT_DETACH'])
  p.chdir('/')
}

/** Without a mount namespace of its own the container has its root, and no more: a mount would be the host's, and stay there. */
export function chrootSteps(p: Program, root: Ref<Fd>): void {
  p.because('root', 'Nothing can be pivoted without a mount namespace: the root is entered by chroot(2)')
  p.fchdir(root)
  p.chroot('.')
  p.chdir('/')
  p.close(root)
}

/** Where nothing can be pivoted, the old root stays below: what tells or changes most there is taken away, or covered where it cannot be. */
function moveSteps(p: Program, root: Root, { visibleProc = [] }: MountFacts): void {
  p.because('root', 'The old root stays below: without its kernel file systems, which a way back would lead to')
  for (const path of visibleProc) {
    p.mount(null, path, null, ['MS_REC', 'MS_SLAVE'], null)
    p.tolerate('EINVAL', 'EPERM').umount2(path, ['MNT_DETACH', 'UMOUNT_NOFOLLOW'])
    const cover = newFilesystem(p, 'tmpfs', ['size=0', 'nr_inodes=2'], ['MOUNT_ATTR_RDONLY', 'MOUNT_ATTR_NOEXEC'])
    p.tolerate('ENOENT').move_mount(cover, '', 'AT_FDCWD', path, ['MOVE_MOUNT_F_EMPTY_PATH'])
    p.close(cover)
  }
  p.because('root', 'The root is moved on top of the old one and entered')
  p.fchdir(root.fd)
  p.move_mount(root.fd, '', 'AT_FDCWD', '/', ['MOVE_MOUNT_F_EMPTY_PATH'])
  p.chroot('.')
  p.chdir('/')
}
