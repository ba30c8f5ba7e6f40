import { InvalidInputError } from '../base/errors.ts'
import { type Arch, machineArch, valueOn } from './arch.ts'
import { type ConstantSet, choiceSet, type NameOf, nameOf, notOn } from './constant-set.ts'
import { type Flags, flagNames, flagsValue } from './flags.ts'
import { MOUNT_WORDS } from './mount-words.ts'
import { didYouMean } from './nearest.ts'
import * as tables from './tables/index.ts'

const SYSCALLS_OF_X64 = choiceSet('SyscallX64', 'sys/syscall.h', () => tables.SYSCALLS_X64, { arch: 'x64' })
const SYSCALLS_OF_ARM64 = choiceSet('SyscallArm64', 'sys/syscall.h', () => tables.SYSCALLS_ARM64, { arch: 'arm64' })

/**
 * Every constant of the tables, by subject. The first set of a group is the one that its flag words are made of; a value that
 * several sets of a group name has the name of the first of them.
 */
export const CONSTANTS = {
  bpf: [tables.BPF, tables.BPF_PROG_TYPE, tables.BPF_ATTACH_TYPE, tables.BPF_ATTACH_FLAGS, tables.BPF_QUERY_FLAGS],
  capability: [tables.CAPABILITIES, tables.SECUREBITS],
  clone: [tables.CLONE],
  clock: [tables.CLOCKS, tables.TIMERFD, tables.TIMERFD_TIME],
  errno: [tables.ERRNO],
  event: [
    tables.EPOLL_EVENTS,
    tables.EPOLL_CTL,
    tables.EPOLL,
    tables.POLL,
    tables.INOTIFY_EVENTS,
    tables.INOTIFY,
    tables.EVENTFD,
  ],
  fcntl: [tables.FCNTL, tables.FD_FLAGS, tables.SEALS, tables.LOCK_TYPE, tables.F_OWNER],
  file: [
    tables.AT,
    tables.STATX_AT,
    tables.STATX,
    tables.STATX_ATTR,
    tables.FILE_TYPE,
    tables.DIRENT_TYPE,
    tables.ACCESS,
    tables.ACCESS_AT,
    tables.SEEK,
    tables.RENAME,
    tables.FALLOC,
    tables.LOCK,
    tables.XATTR,
    tables.UTIME,
    tables.CLOSE_RANGE,
    tables.MFD,
    tables.SPLICE,
  ],
  ioctl: [
    tables.IOCTL_TTY,
    tables.IOCTL_NET,
    tables.IOCTL_TUN,
    tables.IOCTL_BLOCK,
    tables.IOCTL_NS,
    tables.IOCTL_SECCOMP,
    tables.IFF,
    tables.TUN_FLAGS,
    tables.TUN_OFFLOAD,
    tables.TIOCPKT,
  ],
  keyctl: [tables.KEYCTL, tables.KEY_SPEC],
  landlock: [
    tables.LANDLOCK_ACCESS_FS,
    tables.LANDLOCK_ACCESS_NET,
    tables.LANDLOCK_SCOPE,
    tables.LANDLOCK_RULE,
    tables.LANDLOCK_CREATE,
    tables.LANDLOCK_RESTRICT,
  ],
  memory: [tables.PROT, tables.MAP, tables.MCL, tables.GRND, tables.MEMBARRIER],
  mount: [
    tables.MS,
    tables.UMOUNT,
    tables.MS_MASKS,
    tables.MOUNT_ATTR,
    tables.OPEN_TREE,
    tables.MOVE_MOUNT,
    tables.FSOPEN,
    tables.FSCONFIG,
    tables.FSMOUNT,
    tables.FSPICK,
    tables.STATMOUNT,
    tables.LISTMOUNT,
    tables.LSMT,
    MOUNT_WORDS,
  ],
  open: [tables.OPEN, tables.RESOLVE, tables.PIPE, tables.DUP],
  personality: [tables.PERSONALITY],
  prctl: [tables.PRCTL, tables.PRCTL_VALUES],
  priority: [tables.PRIORITY],
  process: [tables.PIDFD, tables.PIDFD_SIGNAL, tables.KCMP],
  ptrace: [
    tables.PTRACE,
    tables.PTRACE_X64,
    tables.PTRACE_ARM64,
    tables.PTRACE_OPTIONS,
    tables.PTRACE_EVENTS,
    tables.PTRACE_EVENTMSG,
    tables.PTRACE_SYSCALL_INFO,
  ],
  quota: [tables.QUOTA, tables.QUOTA_TYPE],
  rlimit: [tables.RLIMITS, tables.RUSAGE],
  sched: [tables.SCHED, tables.SCHED_FLAGS, tables.IOPRIO_WHO, tables.IOPRIO_CLASS],
  seccomp: [
    tables.SECCOMP,
    tables.SECCOMP_FLAGS,
    tables.SECCOMP_ACTIONS,
    tables.SECCOMP_MODES,
    tables.SECCOMP_NOTIF,
    tables.SECCOMP_ADDFD,
    tables.AUDIT_ARCH,
  ],
  signal: [tables.SIGNALS, tables.SIGPROCMASK, tables.SIGNALFD],
  socket: [
    tables.AF,
    tables.SOCK,
    tables.SOL,
    tables.SO,
    tables.MSG,
    tables.SCM,
    tables.SHUT,
    tables.IPPROTO,
    tables.TCP,
    tables.NETLINK,
  ],
  syscall: [SYSCALLS_OF_X64, SYSCALLS_OF_ARM64],
  wait: [tables.WAIT, tables.IDTYPE],
} as const satisfies Record<string, readonly ConstantSet[]>

/** A group of constants, `mount`. */
export type ConstantGroup = keyof typeof CONSTANTS

type NameIn<S> = S extends ConstantSet ? NameOf<S> : never

/** A name of a group, `MS_BIND`. */
export type ConstantName<G extends ConstantGroup = ConstantGroup> = G extends ConstantGroup
  ? NameIn<(typeof CONSTANTS)[G][number]>
  : never

/** A name of any group, without the words of mount(8): `bind` and `sync` are system calls too. */
type DefinedName = NameIn<Exclude<(typeof CONSTANTS)[ConstantGroup][number], typeof MOUNT_WORDS>>

function setsOf(group: ConstantGroup): readonly ConstantSet[] {
  if (Object.hasOwn(CONSTANTS, group)) return CONSTANTS[group]
  const groups = Object.keys(CONSTANTS)
  const guess = didYouMean(String(group), groups, 1) || `: there are ${groups.join(', ')}`
  throw new InvalidInputError(`There is no group of constants ${JSON.stringify(group)}${guess}`, { field: 'group' })
}

const has = (set: ConstantSet, name: string): boolean => Object.hasOwn(set.values, name)
const isOn = (set: ConstantSet, arch: Arch): boolean => set.arch === undefined || set.arch === arch

function find(sets: readonly ConstantSet[], name: string, arch: Arch): number | undefined {
  const known = sets.filter((set) => has(set, name))
  const value = known.find((set) => isOn(set, arch))?.values[name]
  if (value !== undefined) return valueOn(arch, value)
  if (known.length > 0) throw notOn(arch, name)
  return undefined
}

/**
 * The number of a constant: `constantValue('clone', 'CLONE_NEWNS')` is 0x20000.
 * @throws InvalidInputError when the group has no such name; the message offers the nearest ones
 * @throws UnsupportedError when the architecture has no such constant
 */
export function constantValue<G extends ConstantGroup>(
  group: G,
  name: ConstantName<G>,
  arch: Arch = machineArch(),
): number {
  const sets = setsOf(group)
  return find(sets, name, arch) ?? unknown(group, sets, name)
}

function unknown(group: ConstantGroup, sets: readonly ConstantSet[], name: string): never {
  const guess =
    didYouMean(
      String(name),
      sets.flatMap((set) => Object.keys(set.values)),
      1,
    ) || otherGroup(name)
  throw new InvalidInputError(`The group "${group}" has no constant ${JSON.stringify(name)}${guess}`, { field: 'name' })
}

function otherGroup(name: string): string {
  const other = Object.entries(CONSTANTS).find(([, sets]) => sets.some((set) => has(set, name)))?.[0]
  return other === undefined ? '' : `: it is of the group "${other}"`
}

/** The name of a number: `constantName('errno', 2)` is `ENOENT`; undefined when it has none on this architecture. */
export function constantName<G extends ConstantGroup>(
  group: G,
  value: number | bigint,
  arch: Arch = machineArch(),
): ConstantName<G> | undefined {
  for (const set of setsOf(group)) {
    const name = isOn(set, arch) ? nameOf(set, value, arch) : undefined
    if (name !== undefined) return name as ConstantName<G>
  }
  return undefined
}

/** All names of a group that the architecture has. */
export function constantNames<G extends ConstantGroup>(
  group: G,
  arch: Arch = machineArch(),
): readonly ConstantName<G>[] {
  const names = setsOf(group).flatMap((set) => (isOn(set, arch) ? Object.keys(set.values) : []))
  return [...new Set(names)] as ConstantName<G>[]
}

/**
 * The names in a flag word, `constantFlags('mount', 0x1006)` is `['MS_NOSUID', 'MS_NODEV', 'MS_BIND']`; bits without a name
 * come last, as one number. A word is made of the first set of its group; `flagNames(UMOUNT, word)` reads one of another set.
 * @throws InvalidInputError when the group holds no flags
 */
export function constantFlags<G extends ConstantGroup>(
  group: G,
  word: number | bigint,
  arch: Arch = machineArch(),
): readonly (ConstantName<G> | number | bigint)[] {
  const set = setsOf(group).find((each) => isOn(each, arch))
  if (set?.kind === 'flags') return flagNames(set, word, arch) as (ConstantName<G> | number | bigint)[]
  throw new InvalidInputError(`The constants of the group "${group}" are no flags: use constantName`, {
    field: 'group',
  })
}

/**
 * Constants of any group put together with `|`, whatever group each is of; a name that is given twice counts once. The words of
 * mount(8) are known to the group "mount" only.
 * The word is a bigint only beyond 2^53.
 * @throws InvalidInputError when no group has such a name; the message offers the nearest ones
 * @throws UnsupportedError when the architecture has no such constant
 */
export function defineConstants(names: Flags<DefinedName>, arch: Arch = machineArch()): number | bigint {
  const list: readonly unknown[] = Array.isArray(names) ? names : [names]
  const numbers = list.map((item) => (typeof item === 'string' ? findAnywhere(item, arch) : item))
  // One name stands for its number, which may be negative (LSMT_ROOT); several make a word.
  const [only] = numbers
  if (numbers.length === 1 && typeof only === 'number' && typeof list[0] === 'string') return only
  return flagsValue(tables.CLONE, numbers, arch, 'constants')
}

const EVERY_SET: readonly ConstantSet[] = Object.values(CONSTANTS)
  .flat()
  .filter((set) => set !== MOUNT_WORDS)

function findAnywhere(name: string, arch: Arch): number {
  const value = find(EVERY_SET, name, arch)
  if (value !== undefined) return value
  const names = EVERY_SET.flatMap((set) => Object.keys(set.values))
  throw new InvalidInputError(`There is no constant ${JSON.stringify(name)}${didYouMean(name, names, 1)}`, {
    field: 'constants',
  })
}
