import type { MountAttr } from '../../linux/tables/mount.ts'
import type { Program } from '../../program/builder.ts'
import { ANYTHING, inRoot, type Root } from '../root/root.ts'
import { optionStep } from './filesystem-mount.ts'
import type { PlannedMount } from './mount-facts.ts'
import type { AttributeChange } from './mount-options.ts'
import { spreadSteps } from './attributes.ts'

/** What a remount takes away unless it names it, as mount(2) does; the rule of access times stays (MS_REMOUNT). */
const REPLACED: readonly MountAttr[] = [
  'MOUNT_ATTR_RDONLY',
  'MOUNT_ATTR_NOSUID',
  'MOUNT_ATTR_NODEV',
  'MOUNT_ATTR_NOEXEC',
  'MOUNT_ATTR_NOSYMFOLLOW',
  'MOUNT_ATTR_NODIRATIME',
]

/** Changes a mount that is there: its own flags, and without `bind` those of its file system too. Nodes are still to be made in /dev. */
export function remountSteps(p: Program, root: Root, { destination, options }: PlannedMount): void {
  const fd = inRoot(p, root, destination, ANYTHING)
  const top = replacing(options.top)
  if (options.bind === 'no' && options.data.length + options.words.length > 0) {
    const context = p.fspick(fd, '', ['FSPICK_CLOEXEC', 'FSPICK_EMPTY_PATH'])
    for (const word of [...options.data, ...options.words]) optionStep(p, context, word)
    p.fsconfig(context, 'FSCONFIG_CMD_RECONFIGURE', null, null, 0)
    p.close(context)
  }
  const waits = destination === '/dev' && top.set.includes('MOUNT_ATTR_RDONLY')
  const now = waits ? top.set.filter((name) => name !== 'MOUNT_ATTR_RDONLY') : top.set
  p.mount_setattr(fd, '', ['AT_EMPTY_PATH'], { attr_set: now, attr_clr: top.clear })
  const { set, clear } = options.recursive
  if (set.length + clear.length > 0) {
    p.mount_setattr(fd, '', ['AT_EMPTY_PATH', 'AT_RECURSIVE'], { attr_set: set, attr_clr: clear })
  }
  spreadSteps(p, fd, options)
  if (waits) root.late.push(fd)
  else p.close(fd)
}

function replacing({ set, clear }: AttributeChange): AttributeChange {
  const gone = REPLACED.filter((name) => !set.includes(name) && !clear.includes(name))
  return { set, clear: [...clear, ...gone] }
}
