import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import { attachTree, newFilesystem, placeholderSteps, type Attributes } from './trees.ts'

/** The nodes that every program may expect; none of them reaches hardware or another process. */
const NODES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'] as const

const LINKS = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
  ['ptmx', 'pts/ptmx'],
] as const

const TERMINALS: Attributes = ['MOUNT_ATTR_NOSUID', 'MOUNT_ATTR_NOEXEC']
const NODE: Attributes = ['MOUNT_ATTR_NOSUID', 'MOUNT_ATTR_NOEXEC']

/**
 * Makes /dev. Nodes are the host's, attached one by one: a user namespace cannot make any (mknod(2) EPERM).
 * @returns a copy of the null device, for masks
 */
export function deviceSteps(p: Program, root: Ref<Fd>): void {
  p.because('devices', 'Six harmless nodes of the host, a terminal file system of its own, nothing else')
  p.mkdirat(root, 'dev', 0o755)
  for (const name of NODES) {
    const node = p.open_tree('AT_FDCWD', `/dev/${name}`, ['OPEN_TREE_CLONE', 'OPEN_TREE_CLOEXEC', 'AT_SYMLINK_NOFOLLOW'])
    p.mount_setattr(node, '', ['AT_EMPTY_PATH'], { attr_set: NODE })
    placeholderSteps(p, root, `dev/${name}`)
    attachTree(p, node, root, `dev/${name}`)
  }
  for (const [name, target] of LINKS) p.symlinkat(target, root, `dev/${name}`)
  p.mkdirat(root, 'dev/pts', 0o755)
  const terminals = newFilesystem(p, 'devpts', { newinstance: '', ptmxmode: '0666', mode: '0620' }, TERMINALS)
  attachTree(p, terminals, root, 'dev/pts')
}
