import type { Fd, Ref } from '../../linux/ref.ts'
import type { MountAttr } from '../../linux/tables/mount.ts'
import type { Program } from '../../program/builder.ts'

/** Mount attributes by kernel name, `MOUNT_ATTR_RDONLY`. */
export type Attributes = readonly MountAttr[]

/** What is shown and never changed: no writes, no set-uid, no device nodes. */
export const READ_ONLY: Attributes = ['MOUNT_ATTR_RDONLY', 'MOUNT_ATTR_NOSUID', 'MOUNT_ATTR_NODEV']
export const WRITABLE: Attributes = ['MOUNT_ATTR_NOSUID', 'MOUNT_ATTR_NODEV']

/**
 * A detached copy of a tree with attributes set before anyone can see it (open_tree(2), mount_setattr(2) with AT_RECURSIVE,
 * Linux 5.12). Recursive always: a copy that left locked submounts out is refused, and one without the flags on them would be a
 * hole.
 */
export function copyTree(p: Program, directory: Ref<Fd> | 'AT_FDCWD', path: string, attributes: Attributes): Ref<Fd> {
  const tree = bareTree(p, directory, path)
  p.mount_setattr(tree, '', ['AT_EMPTY_PATH', 'AT_RECURSIVE'], { attr_set: attributes })
  return tree
}

/** The file system that becomes a sandbox's root, while it is put together. */
export interface Root {
  readonly fd: Ref<Fd>
  /** Directories that were made, relative to the root */
  readonly made: Set<string>
}

/** Makes a directory of the root unless it was made, and those above it. */
export function directorySteps(p: Program, root: Root, path: string, mode = 0o755): void {
  const parts = path.split('/')
  parts.forEach((_, index) => {
    const directory = parts.slice(0, index + 1).join('/')
    if (root.made.has(directory)) return
    root.made.add(directory)
    p.mkdirat(root.fd, directory, directory === path ? mode : 0o755)
  })
}

/** Makes the directories above a path. */
export function parentSteps(p: Program, root: Root, path: string): void {
  const slash = path.lastIndexOf('/')
  if (slash > 0) directorySteps(p, root, path.slice(0, slash))
}

/** A detached copy of a tree as it is, for sources that have the right attributes already. */
export const bareTree = (p: Program, directory: Ref<Fd> | 'AT_FDCWD', path: string): Ref<Fd> =>
  p.open_tree(directory, path, ['OPEN_TREE_CLONE', 'OPEN_TREE_CLOEXEC', 'AT_RECURSIVE', 'AT_SYMLINK_NOFOLLOW'])

/** Attaches a detached tree at a path of a directory that is the sandbox’s own. */
export function attachTree(p: Program, tree: Ref<Fd>, directory: Ref<Fd>, path: string): void {
  p.move_mount(tree, '', directory, path, ['MOVE_MOUNT_F_EMPTY_PATH'])
  p.close(tree)
}

/** A new file system of its own, not yet attached. Options are those of the file system. */
export function newFilesystem(
  p: Program,
  type: string,
  options: Readonly<Record<string, string>>,
  attributes: Attributes,
): Ref<Fd> {
  const context = p.fsopen(type, ['FSOPEN_CLOEXEC'])
  for (const [key, value] of Object.entries(options)) p.fsconfig(context, 'FSCONFIG_SET_STRING', key, value, 0)
  p.fsconfig(context, 'FSCONFIG_CMD_CREATE', null, null, 0)
  const mount = p.fsmount(context, ['FSMOUNT_CLOEXEC'], attributes)
  p.close(context)
  return mount
}

/** Makes a file with its content and mode in a directory of the sandbox’s own. */
export function fileSteps(
  p: Program,
  directory: Ref<Fd> | 'AT_FDCWD',
  path: string,
  content: string | Uint8Array,
  mode = 0o644,
): void {
  const file = p.openat(directory, path, ['O_WRONLY', 'O_CREAT', 'O_EXCL', 'O_NOFOLLOW', 'O_CLOEXEC'], mode)
  if (content.length > 0) p.write(file, content)
  p.close(file)
}

/** Makes an empty file to attach another one on. */
export function placeholderSteps(p: Program, directory: Ref<Fd>, path: string): void {
  p.mknodat(directory, path, 0o100444, 0)
}
