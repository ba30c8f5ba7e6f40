import type { FdLike } from '../root/fd-like.ts'
import type { Call, EncodedOut, Param } from '../../linux/call.ts'
import { findCall } from '../../linux/calls/index.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import type { MountAttr } from '../../linux/tables/mount.ts'
import type { Program } from '../../program/builder.ts'
import { onlyAfter, succeeds } from '../root/condition.ts'
import { findTarget, type Root, type Target } from '../root/root.ts'
import { type PlannedMount, type Sources, type MountInput, mustBePlain } from './mount-facts.ts'
import { type MountOptions, newMountAttributes } from './mount-options.ts'
import { spreadSteps } from './attributes.ts'
import { fallbackKey } from './source-steps.ts'

/** File systems of the kernel's own, made by fsopen(2); whatever else there is has options in the form that mount(2) wants. */
export const OWN_TYPES: ReadonlySet<string> = new Set([
  'proc',
  'sysfs',
  'tmpfs',
  'devpts',
  'mqueue',
  'cgroup2',
  'ramfs',
])

/** Mounts a new file system of the kernel's. What is attached in a tmpfs or /dev needs it writable: those become read-only last. */
export function filesystemMount(p: Program, root: Root, planned: PlannedMount, input: MountInput): void {
  const { mount, destination, options } = planned
  const type = mount.type as string
  const all = newMountAttributes(options)
  const waits = (type === 'tmpfs' || destination === '/dev') && all.includes('MOUNT_ATTR_RDONLY')
  const attributes = waits ? all.filter((name) => name !== 'MOUNT_ATTR_RDONLY') : all
  const target = findTarget(p, root, destination, 'directory', { noSymlinks: mustBePlain(planned) })
  const fd = newMount(p, type, planned, attributes, input)
  if (type === 'tmpfs' && !hasMode(options)) modeSteps(p, target, fd)
  p.move_mount(fd, '', target.fd, '', ['MOVE_MOUNT_F_EMPTY_PATH', 'MOVE_MOUNT_T_EMPTY_PATH'])
  spreadSteps(p, fd, options)
  if (type === 'tmpfs' && options.tmpcopyup) {
    root.copies.push({ from: target.fd, to: fd, readOnly: waits })
    return
  }
  p.close(target.fd)
  const isOwnProc = type === 'proc' && destination === '/proc' && !input.sources.has(fallbackKey('proc'))
  if (isOwnProc && !all.includes('MOUNT_ATTR_RDONLY')) {
    root.proc = fd
  } else if (waits) root.late.push(fd)
  else p.close(fd)
}

function newMount(
  p: Program,
  type: string,
  { mount, options }: PlannedMount,
  attributes: readonly MountAttr[],
  { config, sources }: { readonly config: MountInput['config']; readonly sources: Sources },
): FdLike {
  const instead = sources.get(fallbackKey(type))
  const label = LABELLED.has(type) ? config.linux?.mountLabel : undefined
  const words = [...options.data, ...options.words, ...(label === undefined ? [] : [`context=${label}`])]
  const source = mount.source === undefined || mount.source === '' ? [] : [`source=${mount.source}`]
  const made = newFilesystem(p, type, [...source, ...words], attributes, instead === undefined ? [] : ['EPERM'])
  if (instead === undefined) return made
  p.dup3(made, instead, ['O_CLOEXEC'])
  p.close(made)
  return instead
}

/** File systems whose files take a label from their mount; others have labels of their own, or none */
const LABELLED: ReadonlySet<string> = new Set(['tmpfs', 'devpts', 'ramfs'])

/** A new file system, not yet attached. Options are words, `size=64k` or `newinstance`. */
export function newFilesystem(
  p: Program,
  type: string,
  options: readonly string[],
  attributes: readonly MountAttr[],
  tolerated: readonly string[] = [],
): Ref<Fd> {
  const context = p.tolerate(...tolerated).fsopen(type, ['FSOPEN_CLOEXEC'])
  for (const option of options) optionStep(p, context, option)
  const created = succeeds(p.tolerate(...tolerated) as Program, 'fsconfig', [
    context,
    'FSCONFIG_CMD_CREATE',
    null,
    null,
    0,
  ])
  p.tolerate(...tolerated)
  const fd = onlyAfter(p, created, 'fsmount', [context, ['FSMOUNT_CLOEXEC'], attributes]) as Ref<Fd>
  p.close(context)
  return fd
}

/** One word of a file system's options, for fsconfig(2). */
export function optionStep(p: Program, context: Ref<Fd>, option: string): void {
  const equals = option.indexOf('=')
  if (equals < 0) p.fsconfig(context, 'FSCONFIG_SET_FLAG', option, null, 0)
  else p.fsconfig(context, 'FSCONFIG_SET_STRING', option.slice(0, equals), option.slice(equals + 1), 0)
}

const hasMode = ({ data }: MountOptions): boolean => data.some((word) => word.startsWith('mode='))

const STX_MODE = 28
const STATX_SIZE = 256

/** The mode of a file as something that a later step can use: 16 bits, then 16 that are always zero (struct statx). */
const modeOut: Param = {
  name: 'statxbuf',
  type: 'Statx',
  implied: true,
  encode(_, to): EncodedOut {
    const at = to.reserve(STATX_SIZE)
    to.push({ kind: 'reply', value: at })
    return { at, decode: () => undefined, loads: { mode: at + STX_MODE } }
  },
  print: () => '…',
}

/** Without a mode of its own a tmpfs takes that of the directory that it covers; where there was none, everybody may write (tmpfs(5)). */
function modeSteps(p: Program, target: Target, fd: FdLike): void {
  const statx = findCall('statx') as Call
  const params = [...statx.params.slice(0, -1), modeOut]
  const stat = p.add({ ...statx, params, result: { type: 'Statx', ref: 'Statx', kind: 'out' } }, [
    target.fd,
    '',
    ['AT_EMPTY_PATH'],
    ['STATX_MODE'],
  ]) as { readonly mode: Ref<number> }
  p.fchmodat(fd, '.', stat.mode)
  if (target.made) onlyAfter(p, target.made, 'fchmodat', [fd, '.', 0o1777])
}
