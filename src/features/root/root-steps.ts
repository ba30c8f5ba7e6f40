import type { RootEntry } from '../../host/facts.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import {
  attachTree,
  bareTree,
  copyTree,
  directorySteps,
  fileSteps,
  newFilesystem,
  parentSteps,
  placeholderSteps,
  READ_ONLY,
  type Root,
  WRITABLE,
} from './trees.ts'

/** A file of /etc, or of anywhere that belongs to the sandbox alone. */
export interface OwnFile {
  /** Relative to the root, `etc/hosts` */
  readonly path: string
  readonly content: string | Uint8Array
  readonly mode?: number
}

/** A directory of the sandbox's own, empty. */
export interface OwnDirectory {
  readonly path: string
  readonly mode: number
  /** Belongs to the command's user instead of root */
  readonly users?: true
}

/** Everything that the root of a sandbox consists of, except proc, devices and binds. */
export interface RootSpec {
  /** Entries shown read-only, with paths relative to the source's root: `usr`, `etc/alternatives` */
  readonly entries: readonly RootEntry[]
  /** Where the entries come from: the host's `/`, or a tree that is opened for the sandbox */
  readonly source: 'host' | 'rootfs'
  readonly directories: readonly OwnDirectory[]
  readonly files: readonly OwnFile[]
  /** Bytes that the sandbox's own files may take together */
  readonly sizeBytes: number
}

/** Inodes of the sandbox's own file system: an inode costs about 1 KiB of memory that no size option counts */
const INODES = 262_144

/**
 * Makes the file system that becomes the root, and puts it on top of the old one, which `pivotSteps` then lets go of. Mounting on
 * `/` itself needs no place with a name on the host (bubblewrap CVE-2019-12439).
 */
export function newRootSteps(p: Program, spec: RootSpec): Root {
  p.because('root', 'The root is the sandbox’s own and empty: what is not put into it cannot be seen')
  const options = { mode: '0755', size: String(spec.sizeBytes), nr_inodes: String(INODES) }
  const root = newFilesystem(p, 'tmpfs', options, WRITABLE)
  p.move_mount(root, '', 'AT_FDCWD', '/', ['MOVE_MOUNT_F_EMPTY_PATH'])
  return { fd: root, made: new Set() }
}

/** Cuts the mount namespace off from the host's: before anything is mounted in it. */
export function privateSteps(p: Program): void {
  p.because('root', 'Nothing mounted from here on may travel back to the host (mount_namespaces(7))')
  p.mount(null, '/', null, ['MS_REC', 'MS_PRIVATE'], null)
}

/** Makes the namespace's copies of the host's mounts read-only, all at once: what is copied from them is so from the beginning. */
export function hostReadOnlySteps(p: Program): void {
  p.because('root', 'The host’s mounts, as this namespace has them: read-only, no set-uid, no device nodes, submounts included')
  p.mount_setattr('AT_FDCWD', '/', ['AT_RECURSIVE'], { attr_set: READ_ONLY })
}

/** Puts the system's directories into the root, read-only. */
export function entrySteps(p: Program, root: Root, spec: RootSpec, source: Ref<Fd> | null): void {
  p.because('root', 'System directories: the same files, never writable, no set-uid, no device nodes')
  for (const entry of spec.entries) {
    parentSteps(p, root, entry.name)
    if (entry.kind === 'symlink') {
      p.symlinkat(entry.target ?? '', root.fd, entry.name)
      continue
    }
    if (entry.content !== undefined) {
      fileSteps(p, root.fd, entry.name, entry.content)
      continue
    }
    const tree = source ? copyTree(p, source, entry.name, READ_ONLY) : bareTree(p, 'AT_FDCWD', `/${entry.name}`)
    if (entry.kind === 'directory') directorySteps(p, root, entry.name)
    else placeholderSteps(p, root.fd, entry.name)
    attachTree(p, tree, root.fd, entry.name)
  }
}

/** Makes the directories and files that are the sandbox's own. */
export function ownFileSteps(p: Program, root: Root, spec: RootSpec, user: { uid: number; gid: number }): void {
  p.because('root', 'Places that the command may write to')
  for (const directory of spec.directories) {
    directorySteps(p, root, directory.path, directory.mode)
    if (directory.users) p.fchownat(root.fd, directory.path, user.uid, user.gid, ['AT_SYMLINK_NOFOLLOW'])
  }
  p.because('root', 'Files of its own: who the user is, what the host is called, where names are looked up')
  for (const file of spec.files) {
    parentSteps(p, root, file.path)
    fileSteps(p, root.fd, file.path, file.content, file.mode)
  }
}

/** Names the sandbox: in its UTS namespace, and in the files that programs read. The root is the sandbox's by now. */
export function nameSteps(p: Program, hostname: string, files: readonly OwnFile[]): void {
  p.because('namespaces', 'A name of its own; the host’s says where the sandbox runs')
  p.sethostname(hostname)
  for (const file of files) fileSteps(p, 'AT_FDCWD', `/${file.path}`, file.content, file.mode)
}

/** Makes the new root the root, and lets go of the old one with all that is mounted in it (pivot_root(2), "pivot_root(".", ".")"). */
export function pivotSteps(p: Program, root: Root): void {
  p.because('root', 'A chroot could be left again, an old root that is unmounted is gone (inventory X08)')
  p.fchdir(root.fd)
  p.close(root.fd)
  p.pivot_root('.', '.')
  p.umount2('.', ['MNT_DETACH'])
  p.chdir('/')
}
