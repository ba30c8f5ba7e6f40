import type { Program } from '../../program/builder.ts'
import type { OwnFile } from './base-steps.ts'
import { fileSteps, newFilesystem, WRITABLE } from './trees.ts'

/** Places of a root that a sandbox's own file system is attached to, by directory of it. */
export interface OwnPlace {
  /** Directory in the sandbox's own file system, `shm` */
  readonly name: string
  /** Where it is seen, `dev/shm` */
  readonly target: string
  readonly mode: number
  /** A directory in it that belongs to the command's user */
  readonly home?: string
}

/** What commands may write to. `run` comes last: until then the file system itself lies there. */
export const OWN_PLACES: readonly OwnPlace[] = [
  { name: 'tmp', target: 'tmp', mode: 0o1777 },
  { name: 'var-tmp', target: 'var/tmp', mode: 0o1777 },
  { name: 'shm', target: 'dev/shm', mode: 0o1777 },
  { name: 'home', target: 'home', mode: 0o755, home: 'user' },
  { name: 'run', target: 'run', mode: 0o755 },
]

/** Where files that hold the sandbox's name live; /etc has links to them. */
export const NAMES = 'run/etc'

/** Inodes of the sandbox's own file system: an inode costs about 1 KiB of memory that no size option counts */
const INODES = '262144'

/** One file system for all that is the sandbox's own and writable, so that one size bounds it; shown at several places. */
export function ownSteps(
  p: Program,
  spec: { readonly sizeBytes: number; readonly places: readonly OwnPlace[] },
  user: { readonly uid: number; readonly gid: number },
): void {
  p.because('root', 'What the command may write to: one file system of the sandbox’s own, which one size bounds')
  const own = newFilesystem(p, 'tmpfs', { mode: '0755', size: String(spec.sizeBytes), nr_inodes: INODES }, WRITABLE)
  p.move_mount(own, '', 'AT_FDCWD', '/run', ['MOVE_MOUNT_F_EMPTY_PATH'])
  for (const { name, mode, home } of spec.places) {
    p.mkdirat(own, name, mode)
    if (home === undefined) continue
    p.mkdirat(own, `${name}/${home}`, 0o700)
    p.fchownat(own, `${name}/${home}`, user.uid, user.gid, ['AT_SYMLINK_NOFOLLOW'])
  }
  p.mkdirat(own, NAMES, 0o755)
  for (const { name, target } of spec.places) {
    const tree = p.open_tree(own, name, ['OPEN_TREE_CLONE', 'OPEN_TREE_CLOEXEC'])
    p.move_mount(tree, '', 'AT_FDCWD', `/${target}`, ['MOVE_MOUNT_F_EMPTY_PATH'])
    p.close(tree)
  }
  p.close(own)
}

/** Names the sandbox: in its UTS namespace, and in the files that programs read. The root is the sandbox's by now. */
export function nameSteps(p: Program, hostname: string, files: readonly OwnFile[]): void {
  p.because('namespaces', 'A name of its own; the host’s says where the sandbox runs')
  p.sethostname(hostname)
  for (const file of files) fileSteps(p, 'AT_FDCWD', `/${file.path}`, file.content)
}
