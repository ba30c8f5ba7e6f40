import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import { deviceSteps } from './devices.ts'
import { newFilesystem, type Root } from './trees.ts'

/** Nodes and links, no data */
const SIZE = '65536'

/**
 * Covers the /dev of a root by one of the container's own, with nodes of the host (`nodeSteps`): for a root that an ordinary user
 * made, who can make no nodes. Nothing is written to the root. Preconditions: the root is attached and has a directory `dev`.
 */
export function ownDevSteps(p: Program, root: Ref<Fd>, nodes: readonly Ref<Fd>[]): void {
  p.because('devices', 'A /dev of its own over that of the root, which brings no devices')
  const dev = newFilesystem(p, 'tmpfs', { mode: '0755', size: SIZE }, ['MOUNT_ATTR_NOSUID', 'MOUNT_ATTR_NOEXEC'])
  p.move_mount(dev, '', root, 'dev', ['MOVE_MOUNT_F_EMPTY_PATH'])
  const made: Root = { fd: root, made: new Set(['dev']) }
  deviceSteps(p, made, nodes)
  for (const place of ['pts', 'shm']) p.mkdirat(dev, place, 0o755)
  p.close(dev)
  p.because('devices', 'POSIX shared memory, shm_overview(7)')
  const memory = newFilesystem(p, 'tmpfs', { mode: '1777' }, [
    'MOUNT_ATTR_NOSUID',
    'MOUNT_ATTR_NODEV',
    'MOUNT_ATTR_NOEXEC',
  ])
  p.move_mount(memory, '', root, 'dev/shm', ['MOVE_MOUNT_F_EMPTY_PATH'])
  p.close(memory)
}
