/** Words that go on from "because", or what makes them of the value that was written. */
export type Reason = string | ((value: string) => string)

type Reasons = Readonly<Partial<Record<string, Reason>>>

const NOT_A_NUMBER = 'it takes a number'
const NOT_A_SIZE = 'it takes a number of bytes or max'
const FLAG = 'it takes 0 or 1'

const PERIODS = 'a period is 1000 to 1000000 us and a quota 1000 us or more'
const CHILD_QUOTA =
  'on cgroup v1 no group may have a larger share than the group above it or a smaller one than a group below'

const SUBTREE_CONTROL: Reasons = {
  ENOENT: (value) => `${listOf(value)} is not in cgroup.controllers: the group above does not give it to its children`,
  EINVAL: (value) => `${listOf(value)} is not a controller of cgroup v2 that this kernel knows and does not disable`,
  EBUSY: (value) =>
    value.trimStart().startsWith('-')
      ? 'a group below gives the controller to its own children'
      : 'processes are in the group itself: only a group without own processes can give controllers to its children (no internal processes)',
  EOPNOTSUPP: 'the group is threaded, or inside a threaded one, where only threaded controllers exist',
}

const PROCS: Reasons = {
  EBUSY:
    'the group gives controllers to its children (cgroup.subtree_control), so processes can only be in groups below it',
  EOPNOTSUPP: 'the group is threaded or an invalid domain (cgroup.type), which takes no whole processes from outside',
  ESRCH: (value) => `no process has the number ${value.trim()} in this PID namespace`,
  EINVAL:
    'it takes the number of a process that may be moved: not a kernel thread bound to its CPU, on cgroup v1 no realtime process without cpu.rt_runtime_us',
  EACCES:
    'the writer may not write cgroup.procs of the closest group above both the old and the new one (delegation containment)',
  EPERM: 'the writer may not move this process',
  ENOENT: 'the old or the new group is outside the cgroup namespace of the writer (nsdelegate)',
  ENOSPC: 'cpuset.cpus or cpuset.mems of the group is empty; on cgroup v1 both come before the first process',
}

const CPUSET: Reasons = {
  EINVAL: 'it takes a list like 0-3,8 of CPUs or memory nodes that this machine has and no other group has for itself',
  ERANGE: 'it names a CPU or memory node beyond those that this kernel can have',
  EACCES: 'the group above does not have all of these',
  EBUSY: 'a group below, or a deadline task in it, uses what would be taken away',
  ENOSPC: 'processes are in the group, and a set that has had members cannot become empty',
}

const MEMORY_V1: Reasons = {
  EINVAL: 'it takes a number of bytes, and memory.limit_in_bytes may not be above memory.memsw.limit_in_bytes',
  EBUSY: 'more is in use, and the kernel could not free enough of it',
}

const THROTTLE: Reasons = {
  ENODEV: (value) => `${value.split(' ', 1)[0]} is not a whole block device of this machine: partitions have no limits`,
  EINVAL: 'it takes MAJOR:MINOR and values that this file knows',
  ERANGE: 'a limit of 0 would stop the device: 1 is the least, max means none',
  EOPNOTSUPP: 'the device has no such control now: its I/O scheduler or its kind does not take part',
}

const WEIGHT_OF_DEVICE: Reasons = {
  ENODEV: THROTTLE['ENODEV'],
  EOPNOTSUPP: 'the device is not scheduled by BFQ (/sys/block/NAME/queue/scheduler)',
  ERANGE: 'a weight of BFQ is 1 to 1000',
  EINVAL: 'it takes a weight, or MAJOR:MINOR and a weight: BFQ and blkio 1 to 1000, io.weight 1 to 10000',
}

/** Why the kernel refuses writes, by file; the first row that matches and knows the error number counts. Made when a write has failed. */
export const writeReasons = (): readonly (readonly [files: RegExp, reasons: Reasons])[] => [
  [/^cgroup\.subtree_control$/, SUBTREE_CONTROL],
  [/^(cgroup\.procs|cgroup\.threads|tasks)$/, PROCS],
  [
    /^cgroup\.type$/,
    {
      EINVAL: 'only the word threaded can be written, and no group becomes a domain again',
      EOPNOTSUPP: 'the group above gives domain controllers to its children, or cannot be the root of threaded groups',
    },
  ],
  [/^cgroup\.(freeze|pressure)$/, { ERANGE: FLAG, EINVAL: FLAG }],
  [
    /^cgroup\.kill$/,
    {
      ERANGE: 'it takes only 1',
      EINVAL: 'it takes only 1',
      EOPNOTSUPP: 'the group is threaded, and only whole processes die',
    },
  ],
  [/^cgroup\.max\./, { EINVAL: 'it takes a number or max', ERANGE: 'it takes a number from 0 or max' }],
  [
    /^cgroup\.event_control$/,
    {
      EBADF: 'the first number is no open eventfd or the second no open file',
      EINVAL: 'the file sends no notifications',
    },
  ],
  [/^cpu\.max$/, { EINVAL: `${PERIODS}, and the quota may not be below cpu.max.burst` }],
  [/^cpu\.cfs_(quota|period)_us$/, { EINVAL: `${PERIODS}; ${CHILD_QUOTA}` }],
  [/^cpu\.(max\.burst|cfs_burst_us)$/, { EINVAL: 'a burst is at least 0 and at most the quota' }],
  [/^cpu\.weight$/, { ERANGE: 'a weight is 1 to 10000', EINVAL: 'it takes a number, and none while cpu.idle is 1' }],
  [/^cpu\.weight\.nice$/, { ERANGE: 'a nice value is -20 to 19', EINVAL: NOT_A_NUMBER }],
  [/^cpu\.shares$/, { EINVAL: 'it takes a number, and none while cpu.idle is 1' }],
  [/^cpu\.idle$/, { EINVAL: FLAG, ERANGE: FLAG }],
  [/^cpu\.uclamp\./, { ERANGE: 'a clamp is 0 to 100 per cent', EINVAL: 'it takes per cent or max' }],
  [
    /^cpu\.rt_(runtime|period)_us$/,
    {
      EINVAL: 'the group above has not that much realtime left, its own and its other children considered',
      EBUSY: 'realtime processes are in the group and would be left without time',
    },
  ],
  [/^cpuset\.(cpus|mems)/, CPUSET],
  [/^memory\.(limit_in_bytes)$/, MEMORY_V1],
  [
    /^memory\.memsw\.limit_in_bytes$/,
    { ...MEMORY_V1, EINVAL: 'it takes a number of bytes that is not below memory.limit_in_bytes' },
  ],
  [
    /^memory\.kmem\.(tcp\.)?limit_in_bytes$/,
    {
      EINVAL: NOT_A_SIZE,
      EBUSY: 'the group has used kernel memory or has children: before 4.5 the limit had to come first',
      EOPNOTSUPP: 'no kernel since 5.16 limits kernel memory on its own',
    },
  ],
  [/^memory\.swappiness$/, { EINVAL: 'swappiness is 0 to 200, before Linux 5.8 0 to 100' }],
  [/^memory\.oom_control$/, { EINVAL: FLAG }],
  [
    /^memory\.use_hierarchy$/,
    { EINVAL: 'since Linux 5.11 groups of memory always cover what is below them', EBUSY: 'the group has children' },
  ],
  [/^memory\.oom\.group$/, { EINVAL: FLAG }],
  [/^memory\.reclaim$/, { EAGAIN: 'less than that could be freed', EINVAL: NOT_A_SIZE }],
  [
    /\.pressure$/,
    {
      EOPNOTSUPP: 'the kernel does not count pressure (psi=1)',
      EBUSY: 'this descriptor has a trigger already',
      EINVAL: 'a trigger is some|full STALL WINDOW in us',
    },
  ],
  [/^memory\./, { EINVAL: NOT_A_SIZE, EOPNOTSUPP: 'this kernel is built without it' }],
  [
    /^pids\.max$/,
    { EINVAL: 'it takes 0 to 4194304 (PID_MAX_LIMIT) or max', ERANGE: 'it takes 0 to 4194304 (PID_MAX_LIMIT) or max' },
  ],
  [/^(io\.(max|latency|cost\.\w+)|blkio\.throttle\..*)$/, THROTTLE],
  [/^(io(\.bfq)?\.weight|blkio\.(bfq\.|leaf_)?weight(_device)?)$/, WEIGHT_OF_DEVICE],
  [/^hugetlb\./, { EINVAL: NOT_A_SIZE }],
  [
    /^rdma\.max$/,
    {
      ENODEV: (value) => `this machine has no RDMA device ${value.split(' ', 1)[0]}`,
      EINVAL: 'it takes DEVICE hca_handle=N hca_object=N',
    },
  ],
  [/^misc\.max$/, { EINVAL: 'it takes a resource that misc.capacity of the root names, and a number or max' }],
  [
    /^devices\.(allow|deny)$/,
    {
      EINVAL: 'it takes a, or "c|b MAJOR:MINOR rwm" with * for any number',
      EPERM: 'the writer lacks CAP_SYS_ADMIN, or the group above may not use this device itself',
    },
  ],
  [/^freezer\.state$/, { EINVAL: 'it takes FROZEN or THAWED' }],
  [
    /^net_prio\.ifpriomap$/,
    { ENODEV: 'there is no such network interface in this network namespace', EINVAL: 'it takes INTERFACE PRIORITY' },
  ],
  [/^net_cls\.classid$/, { EINVAL: NOT_A_NUMBER, ERANGE: 'a class is 32 bits wide' }],
]

/** What holds for every file of a group. */
export const GENERAL_REASONS: Reasons = {
  ENOENT:
    'the group does not have this file: its controller is not enabled for it, or the kernel is older than the file',
  ENODEV: 'the group was removed in the meantime',
  EACCES: 'the group is not delegated to the writer: owner and mode of the file decide',
  EPERM: 'the group is not delegated to the writer, or the file needs a capability',
  EROFS: 'the cgroup file system is mounted read-only here',
  EINVAL: 'the file does not take this value, or none at all',
  ERANGE: 'the value is outside of what the file takes',
  EINTR: 'a signal came first; nothing was changed',
}

/** Why directories of groups cannot be made or removed. */
export const DIRECTORY_REASONS: Readonly<Record<'mkdir' | 'rmdir', Readonly<Record<string, string>>>> = {
  mkdir: {
    EAGAIN: 'a group above allows no more groups or levels (cgroup.max.descendants, cgroup.max.depth)',
    EEXIST: 'a group of this name exists',
    ENOENT: 'the group above does not exist',
    ENOMEM: 'the memory that the kernel needs for it is charged to a group that is at its limit',
    ENOSPC: 'the kernel has no more numbers for groups, many of which may be dying',
    EINVAL: 'a name may not hold a line end',
    EACCES: 'the group above is not delegated to the writer',
    EPERM: 'the group above is not delegated to the writer, or this file system takes no directories',
    EROFS: 'the cgroup file system is mounted read-only here',
    ENODEV: 'the group above was removed in the meantime',
  },
  rmdir: {
    EBUSY: 'processes or groups are in it; a killed process leaves it only when it has exited',
    ENOENT: 'it does not exist',
    EACCES: 'the group above is not delegated to the writer',
    EPERM: 'the group above is not delegated to the writer',
    EROFS: 'the cgroup file system is mounted read-only here',
  },
}

/** `+cpu -memory` as words: cpu or memory. */
const listOf = (value: string): string =>
  value
    .trim()
    .split(/\s+/)
    .map((word) => word.replace(/^[+-]/, ''))
    .join(' or ')
