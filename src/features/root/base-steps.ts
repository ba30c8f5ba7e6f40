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

/** A file with its content. */
export interface OwnFile {
  /** Relative to the root, `etc/hosts` */
  readonly path: string
  readonly content: string | Uint8Array
}

/**
 * The part of a root file system that never changes: system directories and files of /etc. Sandboxes that are alike in it may
 * share it, because nobody writes to it once it is sealed.
 */
export interface BaseSpec {
  /** Entries shown read-only, with paths relative to the source's root: `usr`, `etc/alternatives` */
  readonly entries: readonly RootEntry[]
  /** Empty directories for what is mounted later: `proc`, `tmp` */
  readonly places: readonly string[]
  readonly files: readonly OwnFile[]
  /** Symbolic links, path to target */
  readonly links: Readonly<Record<string, string>>
}

/** Cuts the mount namespace off from the host's: before anything is mounted in it. */
export function privateSteps(p: Program): void {
  p.because('root', 'Nothing mounted from here on may travel back to the host (mount_namespaces(7))')
  p.mount(null, '/', null, ['MS_REC', 'MS_PRIVATE'], null)
}

/** Makes the namespace's copies of the host's mounts read-only, all at once: what is copied from them is so from the beginning. */
export function hostReadOnlySteps(p: Program): void {
  p.because(
    'root',
    'The host’s mounts, as this namespace has them: read-only, no set-uid, no device nodes, submounts included',
  )
  p.mount_setattr('AT_FDCWD', '/', ['AT_RECURSIVE'], { attr_set: READ_ONLY })
}

/** Small: directories, links and copies of a few files of /etc */
const BASE_OPTIONS = { mode: '0755', size: '16777216' }

/**
 * Makes the file system that becomes the root, and puts it on top of the old one, which `pivotSteps` then lets go of. Mounting on
 * `/` itself needs no place with a name on the host (bubblewrap CVE-2019-12439).
 */
export function newRootSteps(p: Program): Root {
  p.because('root', 'The root is a new and empty one: what is not put into it cannot be seen')
  const root = newFilesystem(p, 'tmpfs', BASE_OPTIONS, WRITABLE)
  p.move_mount(root, '', 'AT_FDCWD', '/', ['MOVE_MOUNT_F_EMPTY_PATH'])
  return { fd: root, made: new Set() }
}

/** Fills the root with all that never changes. */
export function baseSteps(p: Program, root: Root, spec: BaseSpec, source: Ref<Fd> | null): void {
  p.because('root', 'System directories: the same files, never writable, no set-uid, no device nodes')
  for (const entry of spec.entries) entrySteps(p, root, entry, source)
  p.because('root', 'Places for what is mounted later')
  for (const place of spec.places) directorySteps(p, root, place)
  p.because('root', 'Files of its own: who the user is, where names are looked up')
  for (const file of spec.files) {
    parentSteps(p, root, file.path)
    fileSteps(p, root.fd, file.path, file.content)
  }
  for (const [path, target] of Object.entries(spec.links)) {
    parentSteps(p, root, path)
    p.symlinkat(target, root.fd, path)
  }
}

/** Where a root file system is attached while its entries are taken from it: only from an attached tree may others be copied (before Linux 6.15). */
const SOURCE = '.rootfs'

export function showSourceSteps(p: Program, root: Root, source: Ref<Fd>): void {
  p.because('root', 'The root file system lies in the new root while its entries are taken from it')
  directorySteps(p, root, SOURCE)
  p.move_mount(source, '', root.fd, SOURCE, ['MOVE_MOUNT_F_EMPTY_PATH'])
}

export function hideSourceSteps(p: Program, root: Root, source: Ref<Fd>): void {
  p.because('root', 'Its entries are in their places: the root file system itself goes again')
  p.close(source)
  p.umount2(`/${SOURCE}`, ['MNT_DETACH', 'UMOUNT_NOFOLLOW'])
  p.unlinkat(root.fd, SOURCE, ['AT_REMOVEDIR'])
}

function entrySteps(p: Program, root: Root, entry: RootEntry, source: Ref<Fd> | null): void {
  parentSteps(p, root, entry.name)
  if (entry.kind === 'symlink') return p.symlinkat(entry.target ?? '', root.fd, entry.name)
  if (entry.content !== undefined) return fileSteps(p, root.fd, entry.name, entry.content)
  const tree = source ? copyTree(p, source, entry.name, READ_ONLY) : bareTree(p, 'AT_FDCWD', `/${entry.name}`)
  if (entry.kind === 'directory') directorySteps(p, root, entry.name)
  else placeholderSteps(p, root.fd, entry.name)
  attachTree(p, tree, root.fd, entry.name)
}

/** Makes the new root the root, and lets go of the old one with all that is mounted in it (pivot_root(2), "pivot_root(".", ".")"). */
export function pivotSteps(p: Program, root: Root): void {
  p.because('root', 'A chroot could be left again, an old root that is unmounted is gone')
  p.fchdir(root.fd)
  p.pivot_root('.', '.')
  p.umount2('.', ['MNT_DETACH'])
  p.chdir('/')
}

/** Nothing is added to the root any more. */
export function sealSteps(p: Program, root: Root): void {
  p.because('root', 'Complete: not even the sandbox’s root adds to it')
  p.mount_setattr(root.fd, '', ['AT_EMPTY_PATH'], { attr_set: ['MOUNT_ATTR_RDONLY'] })
  p.close(root.fd)
}
