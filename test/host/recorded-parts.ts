export interface User {
  readonly uid: number
  readonly capabilities: string
  readonly seccomp?: number
}

export const ROOT: User = { uid: 0, capabilities: '000001ffffffffff' }
export const ORDINARY: User = { uid: 1000, capabilities: '0000000000000000' }

const statusOf = ({ uid, capabilities, seccomp = 0 }: User): string =>
  [`Name:\tnode`, `Uid:\t${uid}\t${uid}\t${uid}\t${uid}`, `Gid:\t${uid}\t${uid}\t${uid}\t${uid}`, `Groups:\t${uid} 27 `]
    .concat([`CapEff:\t${capabilities}`, `NoNewPrivs:\t0`, `Seccomp:\t${seccomp}`, ''])
    .join('\n')

const NAMESPACES = [
  'cgroup',
  'ipc',
  'mnt',
  'net',
  'pid',
  'pid_for_children',
  'time',
  'time_for_children',
  'user',
  'uts',
]

/** What all recorded hosts have in common: a Debian-like user space and a kernel with everything built in. */
export function commonFiles(release: string, user: User): Record<string, string> {
  return {
    '/proc/sys/kernel/osrelease': `${release}\n`,
    '/proc/sys/user/max_user_namespaces': '63000\n',
    '/proc/sys/kernel/seccomp/actions_avail': 'kill_process kill_thread trap errno user_notif trace log allow\n',
    '/proc/sys/vm/memfd_noexec': '0\n',
    '/proc/self/status': statusOf(user),
    ...Object.fromEntries(NAMESPACES.map((name) => [`/proc/self/ns/${name}`, ''])),
    ...{
      '/proc/kcore': '',
      '/proc/keys': '',
      '/proc/bus/pci/': '',
      '/proc/sysrq-trigger': '',
      '/proc/swaps': '',
      '/proc/cmdline': 'quiet\n',
    },
    ...{ '/usr/bin/true': '', '/usr/lib/os-release': 'ID=debian\n', '/usr/share/zoneinfo/UTC': '' },
    ...{ '/etc/passwd': 'root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n', '/etc/shadow': '' },
    ...{ '/etc/ld.so.cache': '', '/etc/ssl/certs/a.pem': '', '/etc/ssl/private/key.pem': '', '/etc/python3.11/x': '' },
  }
}

export const COMMON_LINKS = {
  ...{ '/bin': 'usr/bin', '/lib': 'usr/lib', '/etc/os-release': '../usr/lib/os-release' },
  ...{ '/etc/localtime': '/usr/share/zoneinfo/UTC', '/etc/timezone': '/nowhere' },
}
export const COMMON_MODES = {
  '/etc/shadow': 0o640,
  '/usr/bin/newuidmap': 0o4755,
  '/usr/bin/newgidmap': 0o4755,
  '/usr/bin/cc': 0o755,
}

const PROC_MOUNT = '22 27 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:5 - proc proc rw'
const ROOT_MOUNT = '27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw'
export const V2_MOUNT =
  '30 23 0:28 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot'

export const mountLines = (...lines: readonly string[]): string => `${[ROOT_MOUNT, PROC_MOUNT, ...lines].join('\n')}\n`

/** A v1 group's directory as far as probes look. */
export const v1Group = (directory: string, ...files: readonly string[]): Record<string, string> =>
  Object.fromEntries(['cgroup.procs', ...files].map((file) => [`${directory}/${file}`, '']))

/** A v2 group; `null` events stand for the root of the whole tree. */
export function v2Group(
  directory: string,
  group: { has: string; gives?: string; pids?: string; root?: boolean },
): Record<string, string> {
  const files: Record<string, string> = {
    [`${directory}/cgroup.controllers`]: `${group.has}\n`,
    [`${directory}/cgroup.subtree_control`]: `${group.gives ?? ''}\n`,
    [`${directory}/cgroup.procs`]: group.pids ?? '',
  }
  if (group.root) return files
  return {
    ...files,
    ...{ [`${directory}/cgroup.type`]: 'domain\n', [`${directory}/cgroup.events`]: 'populated 1\nfrozen 0\n' },
    ...{ [`${directory}/cgroup.kill`]: '' },
    ...(group.has.includes('memory') ? { [`${directory}/memory.swap.max`]: 'max\n' } : {}),
  }
}

/** What /proc says of processes: name and parent by pid, and which of them is this one. */
export function processes(
  self: number,
  all: Readonly<Record<number, readonly [name: string, parent: number]>>,
): Record<string, string> {
  const files = Object.entries(all).map(([pid, [name, parent]]) => [
    pid,
    `${pid} (${name}) S ${parent} ${pid} ${pid} 0 -1\n`,
  ])
  const own = files.find(([pid]) => pid === String(self))?.[1] ?? ''
  return { '/proc/self/stat': own, ...Object.fromEntries(files.map(([pid, text]) => [`/proc/${pid}/stat`, text])) }
}

/** A host with systemd as PID 1: sd_booted(3). */
export const BOOTED = { '/run/systemd/system/': '' }
export const SYSTEM_BUS = '/run/dbus/system_bus_socket'
