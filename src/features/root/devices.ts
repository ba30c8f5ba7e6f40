import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import { attachTree, type Attributes, directorySteps, newFilesystem, placeholderSteps, type Root } from './trees.ts'

/** The nodes that every program may expect; none of them reaches hardware or another process. */
const NODES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'] as const

/** Links that every /dev has, with what they lead to */
export const DEVICE_LINKS = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
  ['ptmx', 'pts/ptmx'],
] as const

const NOSUID_NOEXEC: Attributes = ['MOUNT_ATTR_NOSUID', 'MOUNT_ATTR_NOEXEC']

/** Opens the host's nodes, while their mounts still let devices work. */
export function nodeSteps(p: Program): Ref<Fd>[] {
  p.because('devices', 'The host’s nodes: a user namespace cannot make any (mknod(2) EPERM)')
  return NODES.map((name) => {
    const node = p.open_tree('AT_FDCWD', `/dev/${name}`, [
      'OPEN_TREE_CLONE',
      'OPEN_TREE_CLOEXEC',
      'AT_SYMLINK_NOFOLLOW',
    ])
    p.mount_setattr(node, '', ['AT_EMPTY_PATH'], { attr_set: NOSUID_NOEXEC })
    return node
  })
}

/** Makes /dev. Nodes are the host's, attached one by one. */
export function deviceSteps(p: Program, root: Root, nodes: readonly Ref<Fd>[]): void {
  p.because('devices', 'Six harmless nodes of the host and the usual links, nothing else')
  directorySteps(p, root, 'dev')
  NODES.forEach((name, index) => {
    placeholderSteps(p, root.fd, `dev/${name}`)
    attachTree(p, nodes[index] as Ref<Fd>, root.fd, `dev/${name}`)
  })
  for (const [name, target] of DEVICE_LINKS) p.symlinkat(target, root.fd, `dev/${name}`)
}

/** Mounts the sandbox's own terminals. */
export function terminalsSteps(p: Program): void {
  p.because('devices', 'Terminals of its own: no other sandbox’s and none of the host’s can be named (Linux 4.7)')
  const terminals = newFilesystem(p, 'devpts', { ptmxmode: '0666', mode: '0620' }, NOSUID_NOEXEC)
  p.move_mount(terminals, '', 'AT_FDCWD', '/dev/pts', ['MOVE_MOUNT_F_EMPTY_PATH'])
  p.close(terminals)
}
