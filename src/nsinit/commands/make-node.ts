import { InvalidInputError, StateError, UnsupportedError } from '../../base/errors.ts'
import { attempt, call, callError, cString, E } from '../../kernel/call.ts'
import { close, O, open } from '../../kernel/descriptors.ts'
import { readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { NR } from '../../kernel/numbers.ts'
import { stat } from '../../kernel/stat.ts'
import { makedev } from '../../linux/params.ts'
import { openInRoot } from '../../oci/lifecycle/open-in-root.ts'
import { getContainer } from '../lifecycle/find-container.ts'
import type { Nsinit } from '../lifecycle/nsinit-context.ts'
import { openRootOf } from './open-root-of.ts'
import { parseNode, type Node } from './parse-node.ts'

const AT_EMPTY_PATH = 0x1000
const EPERM = 1

/**
 * `mknod PATH TYPE MAJOR MINOR [MODE]` in a live container. Whatever links there are in the path, they are followed inside the container's
 * root; the last name is made new, so no link can stand for it.
 * @throws InvalidInputError, StateError, UnsupportedError for who may not
 */
export function makeNode(nsinit: Nsinit, words: readonly string[]): void {
  const node = parseNode(words)
  const { kernel } = nsinit.context
  const { record } = getContainer(nsinit)
  const root = openRootOf(kernel, record)
  try {
    makeInRoot(kernel, { root, owner: rootOf(kernel, record.pid) }, node)
  } finally {
    close(kernel, root)
  }
}

/** Who is root in the container, as this user namespace numbers users and groups. */
interface Owner {
  readonly uid: number
  readonly gid: number
}

function rootOf(kernel: Kernel, pid: number): Owner {
  const outside = (file: string): number => {
    const rows = (readText(kernel, `/proc/${pid}/${file}`) ?? '').trim().split('\n')
    const row = rows.map((line) => line.trim().split(/\s+/).map(Number)).find(([inside]) => inside === 0)
    return row?.[1] ?? 0
  }
  return { uid: outside('uid_map'), gid: outside('gid_map') }
}

function makeInRoot(
  kernel: Kernel,
  { root, owner }: { readonly root: number; readonly owner: Owner },
  node: Node,
): void {
  const parent = openInRoot(kernel, root, node.directory)
  if (parent === undefined) {
    const rule = `PATH ${JSON.stringify(node.path)}: the container has no directory ${node.directory}`
    throw new InvalidInputError(`${rule}: make it first`, { field: 'PATH' })
  }
  try {
    make(kernel, parent, node)
    own(kernel, parent, node, owner)
  } finally {
    close(kernel, parent)
  }
}

function make(kernel: Kernel, parent: number, { path, name, mode, device }: Node): void {
  const umask = kernel.syscall(NR.umask, 0)
  const result = attempt(kernel, 'mknodat', parent, cString(name), mode, device)
  kernel.syscall(NR.umask, umask)
  if (result === 0) return
  if (result === -E.EEXIST) {
    throw new InvalidInputError(`PATH ${JSON.stringify(path)} is there already: remove it, or give another`, {
      field: 'PATH',
    })
  }
  const error = callError('mknodat', { args: `${JSON.stringify(path)}, 0${mode.toString(8)}, ${device}` }, -result)
  if (result !== -EPERM) throw error
  throw new UnsupportedError(`PATH ${JSON.stringify(path)}: ${error.message}`, {
    fact: 'CAP_MKNOD',
    remedy: 'be root on the host, where device nodes are made',
    cause: error,
  })
}

/** By descriptor, and only what was made: the container may have put another file in its place. */
function own(kernel: Kernel, parent: number, { path, name, kind, device }: Node, { uid, gid }: Owner): void {
  const fd = open(kernel, [parent, name], O.PATH | O.NOFOLLOW)
  try {
    const found = stat(kernel, [fd, ''])
    const isIt = found?.kind === kind && makedev(found.rdev.major, found.rdev.minor) === device
    if (!isIt) throw new StateError(`${path} was replaced while it was made`, { state: 'replaced', wanted: 'own node' })
    call(
      kernel,
      'fchownat',
      { args: `${JSON.stringify(path)}, ${uid}, ${gid}` },
      fd,
      cString(''),
      uid,
      gid,
      AT_EMPTY_PATH,
    )
  } finally {
    close(kernel, fd)
  }
}
