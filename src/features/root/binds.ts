import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import { type Attributes, copyTree, placeholderSteps, READ_ONLY, type Root, WRITABLE } from './trees.ts'

/** A file or directory of the host shown in the sandbox. */
export interface Bind {
  /** Absolute path on the host */
  readonly source: string
  /** Absolute path in the sandbox, without `.`, `..` and symbolic links */
  readonly target: string
  readonly readOnly: boolean
  readonly directory: boolean
}

export const bindAttributes = (bind: Bind): Attributes => (bind.readOnly ? READ_ONLY : WRITABLE)

/** Opens a bind's source in the process that may: the caller's own process tree when it is privileged, else the sandbox's. */
export function openBind(p: Program, bind: Bind, idmap: Ref<Fd> | null): Ref<Fd> {
  p.because('binds', `${bind.source} as ${bind.target}${bind.readOnly ? ', read-only' : ''}: asked for by the caller`)
  const tree = copyTree(p, 'AT_FDCWD', bind.source, bindAttributes(bind))
  if (idmap) idmapSteps(p, tree, idmap)
  return tree
}

/** Shows the tree's owner under another id (mount_setattr(2) MOUNT_ATTR_IDMAP, Linux 5.12). */
export function idmapSteps(p: Program, tree: Ref<Fd>, userns: Ref<Fd>): void {
  p.mount_setattr(tree, '', ['AT_EMPTY_PATH', 'AT_RECURSIVE'], { attr_set: ['MOUNT_ATTR_IDMAP'], userns_fd: userns })
}

/**
 * Attaches a bind. Its target is made where it lies in the sandbox's own file system; elsewhere it must exist. It is resolved
 * within the root without following symbolic links, once, and used by descriptor (CVE-2021-30465).
 */
export function attachBind(p: Program, root: Root, bind: Bind, tree: Ref<Fd>): void {
  p.because('binds', `${bind.target}: made if need be, resolved once inside the root, then used by descriptor`)
  const path = bind.target.slice(1)
  const parts = path.split('/')
  const parents = parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join('/'))
  for (const parent of parents.filter((each) => !root.made.has(each)))
    p.tolerate('EEXIST', 'EROFS', 'EACCES').mkdirat(root.fd, parent, 0o755)
  p.tolerate('EEXIST', 'EROFS', 'EACCES')
  if (bind.directory) p.mkdirat(root.fd, path, 0o755)
  else placeholderSteps(p, root.fd, path)
  const target = p.openat2(root.fd, path, {
    flags: ['O_PATH', 'O_NOFOLLOW', 'O_CLOEXEC'],
    resolve: ['RESOLVE_IN_ROOT', 'RESOLVE_NO_SYMLINKS', 'RESOLVE_NO_MAGICLINKS'],
  })
  p.move_mount(tree, '', target, '', ['MOVE_MOUNT_F_EMPTY_PATH', 'MOVE_MOUNT_T_EMPTY_PATH'])
  p.close(target)
  p.close(tree)
}
