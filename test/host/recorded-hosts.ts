import type { HostSource, SourceEntry } from '../../src/host/source.ts'

/** The files of a host that probes look at; directories follow from the files in them. */
export interface Recording {
  readonly architecture?: string
  /** Text by path; a path that ends in `/` is an empty directory */
  readonly files: Readonly<Record<string, string>>
  readonly links?: Readonly<Record<string, string>>
  /** Permission bits by path, else 0644 and 0755 */
  readonly modes?: Readonly<Record<string, number>>
  /** Beginnings of paths that this process may write to */
  readonly writable?: readonly string[]
  /** Beginnings of paths that are mounted read-only */
  readonly readOnly?: readonly string[]
}

/** A source that answers from a recording as the kernel answered on that host. */
export function recordedSource(recording: Recording): HostSource {
  const { files, links = {}, modes = {}, writable = [], readOnly = [] } = recording
  const paths = [...Object.keys(files), ...Object.keys(links)]
  const isDirectory = (path: string): boolean => paths.some((one) => one.startsWith(`${path}/`))
  const entry = (path: string): SourceEntry | undefined => {
    const target = links[path]
    if (target !== undefined) return { kind: 'symlink', target, mode: 0o120777 }
    if (files[path] !== undefined) return { kind: 'file', mode: 0o100000 | (modes[path] ?? 0o644) }
    return isDirectory(path) ? { kind: 'directory', mode: 0o040000 | (modes[path] ?? 0o755) } : undefined
  }
  return {
    architecture: recording.architecture ?? 'x64',
    text: (path) => files[path],
    names: (path) => namesBelow(paths, path),
    entry,
    mode: (path) => {
      const target = links[path]
      return target === undefined ? entry(path)?.mode : entry(new URL(target, `file://${path}`).pathname)?.mode
    },
    write(path) {
      if (!entry(path)) return 'ENOENT'
      if (readOnly.some((start) => path.startsWith(start))) return 'EROFS'
      return writable.some((start) => path.startsWith(start)) ? 'ok' : 'EACCES'
    },
  }
}

function namesBelow(paths: readonly string[], directory: string): string[] | undefined {
  const below = paths.filter((path) => path.startsWith(`${directory}/`)).map((path) => path.slice(directory.length + 1))
  return below.length ? [...new Set(below.flatMap((path) => path.split('/')[0] || []))].sort() : undefined
}

interface User {
  readonly uid: number
  readonly capabilities: string
  readonly seccomp?: number
}

const ROOT: User = { uid: 0, capabilities: '000001ffffffffff' }
const ORDINARY: User = { uid: 1000, capabilities: '0000000000000000' }

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
function commonFiles(release: string, user: User): Record<string, string> {
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

const COMMON_LINKS = {
  ...{ '/bin': 'usr/bin', '/lib': 'usr/lib', '/etc/os-release': '../usr/lib/os-release' },
  ...{ '/etc/localtime': '/usr/share/zoneinfo/UTC', '/etc/timezone': '/nowhere' },
}
const COMMON_MODES = {
  '/etc/shadow': 0o640,
  '/usr/bin/newuidmap': 0o4755,
  '/usr/bin/newgidmap': 0o4755,
  '/usr/bin/cc': 0o755,
}

const PROC_MOUNT = '22 27 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:5 - proc proc rw'
const ROOT_MOUNT = '27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw'
const V2_MOUNT =
  '30 23 0:28 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot'

const mountLines = (...lines: readonly string[]): string => `${[ROOT_MOUNT, PROC_MOUNT, ...lines].join('\n')}\n`

/** A v1 group's directory as far as probes look. */
const v1Group = (directory: string, ...files: readonly string[]): Record<string, string> =>
  Object.fromEntries(['cgroup.procs', ...files].map((file) => [`${directory}/${file}`, '']))

/** A v2 group; `null` events stand for the root of the whole tree. */
function v2Group(
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

/** Root in a Docker container of a v1 host: hierarchies are bind-mounted from the container's own group, read-only. */
export const v1Container: Recording = {
  files: {
    ...commonFiles('4.19.0-26-amd64', { uid: 0, capabilities: '00000000a80425fb', seccomp: 2 }),
    '/proc/self/cgroup':
      '5:pids:/docker/c0ffee\n4:memory:/docker/c0ffee\n3:cpu,cpuacct:/docker/c0ffee\n1:name=systemd:/docker/c0ffee\n',
    '/proc/self/mountinfo': mountLines(
      '31 23 0:29 /docker/c0ffee /sys/fs/cgroup/pids ro,nosuid master:11 - cgroup cgroup rw,pids',
      '32 23 0:30 /docker/c0ffee /sys/fs/cgroup/memory ro,nosuid master:12 - cgroup cgroup rw,memory',
      '33 23 0:31 /docker/c0ffee /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:13 - cgroup cgroup rw,cpu,cpuacct',
      '40 22 0:51 / /proc/acpi ro,relatime - tmpfs tmpfs ro',
      '41 22 0:52 /null /proc/kcore rw,nosuid - tmpfs tmpfs rw',
    ),
    ...v1Group('/sys/fs/cgroup/pids'),
    ...v1Group('/sys/fs/cgroup/memory', 'memory.limit_in_bytes'),
    ...v1Group('/sys/fs/cgroup/cpu,cpuacct'),
  },
  links: COMMON_LINKS,
  modes: COMMON_MODES,
  readOnly: ['/sys/fs/cgroup'],
}

/** Root on a v1-only host with systemd: own group below, cpu and cpuacct in one hierarchy. */
export const v1Root: Recording = {
  files: {
    ...commonFiles('4.19.0-26-amd64', ROOT),
    '/proc/self/cgroup':
      '6:cpuset:/\n5:pids:/user.slice/session-1.scope\n4:memory:/user.slice\n3:cpu,cpuacct:/\n1:name=systemd:/user.slice/session-1.scope\n',
    '/proc/self/mountinfo': mountLines(
      '31 23 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids',
      '32 23 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
      '33 23 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
      '34 23 0:32 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset',
      '35 23 0:33 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd',
    ),
    ...v1Group('/sys/fs/cgroup/pids/user.slice/session-1.scope'),
    ...v1Group('/sys/fs/cgroup/memory/user.slice', 'memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'),
    ...v1Group('/sys/fs/cgroup/cpu,cpuacct'),
    ...{
      ...v1Group('/sys/fs/cgroup/cpuset'),
      '/sys/fs/cgroup/cpuset/cpuset.cpus': '0-3\n',
      '/sys/fs/cgroup/cpuset/cpuset.mems': '0\n',
    },
    ...{ '/usr/bin/cc': '', '/sys/kernel/security/lsm': 'lockdown,yama,apparmor\n' },
  },
  links: COMMON_LINKS,
  modes: COMMON_MODES,
  writable: ['/sys/fs/cgroup'],
}

/** Root where v1 hierarchies have the controllers, each its own, and a v2 tree stands beside them. */
export const hybridRoot: Recording = {
  files: {
    ...commonFiles('6.18.44', ROOT),
    '/proc/self/cgroup': '8:pids:/\n4:memory:/api/one\n3:cpuset:/\n2:cpuacct:/\n1:cpu:/\n0::/\n',
    '/proc/self/mountinfo': mountLines(
      '32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu',
      '33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct',
      '34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset',
      '35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory',
      '39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids',
      '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw',
    ),
    ...v1Group('/sys/fs/cgroup/cpu'),
    ...v1Group('/sys/fs/cgroup/cpuacct'),
    ...v1Group('/sys/fs/cgroup/pids'),
    ...v1Group('/sys/fs/cgroup/memory/api/one', 'memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'),
    ...v2Group('/sys/fs/cgroup/unified', { has: '', pids: '1\n', root: true }),
    ...v1Group('/sys/fs/cgroup/cpuset'),
    ...{ '/sys/fs/cgroup/cpuset/cpuset.effective_cpus': '0-1\n', '/sys/fs/cgroup/cpuset/cpuset.effective_mems': '0\n' },
    '/usr/bin/cc': '',
  },
  links: COMMON_LINKS,
  modes: COMMON_MODES,
  writable: ['/sys/fs/cgroup'],
}

const SLICE = '/sys/fs/cgroup/user.slice'

/** Root in a login session of a v2 host with systemd: the session holds processes, its slice has no cpu controller. */
export const v2SystemdRoot: Recording = {
  files: {
    ...commonFiles('6.12.41+deb13-amd64', ROOT),
    '/proc/self/cgroup': '0::/user.slice/user-0.slice/session-1.scope\n',
    '/proc/self/mountinfo': mountLines(V2_MOUNT),
    ...v2Group('/sys/fs/cgroup', {
      has: 'cpuset cpu io memory pids',
      gives: 'cpuset cpu io memory pids',
      pids: '2\n',
      root: true,
    }),
    ...v2Group(SLICE, { has: 'cpuset cpu io memory pids', gives: 'memory pids' }),
    ...v2Group(`${SLICE}/user-0.slice`, { has: 'memory pids', gives: 'memory pids' }),
    ...v2Group(`${SLICE}/user-0.slice/session-1.scope`, { has: 'memory pids', pids: '4242\n' }),
    ...{ '/sys/fs/cgroup/user.slice/user-0.slice/cpuset.cpus.effective': '0-7\n', '/usr/bin/cc': '' },
    '/sys/kernel/security/lsm': 'capability,landlock,apparmor,bpf\n',
  },
  links: COMMON_LINKS,
  modes: COMMON_MODES,
  writable: ['/sys/fs/cgroup'],
}

const MANAGER = `${SLICE}/user-1000.slice/user@1000.service`
const USER_TREE = {
  ...v2Group('/sys/fs/cgroup', { has: 'cpuset cpu io memory pids', gives: 'cpuset cpu io memory pids', root: true }),
  ...v2Group(SLICE, { has: 'cpuset cpu io memory pids', gives: 'cpu memory pids' }),
  ...v2Group(`${SLICE}/user-1000.slice`, { has: 'cpu memory pids', gives: 'cpu memory pids' }),
  ...v2Group(`${SLICE}/user-1000.slice/session-2.scope`, { has: 'cpu memory pids', pids: '77\n' }),
  ...v2Group(MANAGER, { has: 'cpu memory pids', gives: 'cpu memory pids' }),
  ...v2Group(`${MANAGER}/app.slice`, { has: 'cpu memory pids', gives: 'memory pids' }),
  ...v2Group(`${MANAGER}/app.slice/run-1.scope`, { has: 'memory pids', pids: '4242\n' }),
}
const USER_TOOLS = {
  ...{ '/usr/bin/newuidmap': '', '/usr/bin/newgidmap': '' },
  ...{ '/etc/subuid': 'ada:100000:65536\nbob:165536:65536\n', '/etc/subgid': '1000:200000:65536\n' },
}

/** An ordinary user in a scope that systemd delegated: systemd-run --user --scope -p Delegate=yes. */
export const v2Delegated: Recording = {
  files: {
    ...commonFiles('6.1.0-38-amd64', ORDINARY),
    '/proc/self/cgroup': '0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope\n',
    '/proc/self/mountinfo': mountLines(V2_MOUNT),
    ...USER_TREE,
    ...USER_TOOLS,
  },
  links: COMMON_LINKS,
  modes: COMMON_MODES,
  writable: [MANAGER],
}

/** An ordinary user in a login session, which systemd does not delegate, on an Ubuntu that restricts user namespaces. */
export const v2Session: Recording = {
  ...v2Delegated,
  files: {
    ...v2Delegated.files,
    '/proc/sys/kernel/osrelease': '6.8.0-31-generic\n',
    '/proc/self/cgroup': '0::/user.slice/user-1000.slice/session-2.scope\n',
    '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n',
    '/proc/self/attr/current': 'unconfined\n',
    '/sys/kernel/security/lsm': 'lockdown,capability,landlock,yama,apparmor\n',
  },
}

/** Root in a privileged container with its own cgroup namespace: the group seen as root holds processes. */
export const v2Nested: Recording = {
  files: {
    ...commonFiles('6.1.0-38-amd64', ROOT),
    '/proc/self/cgroup': '0::/\n',
    '/proc/self/mountinfo': mountLines(V2_MOUNT, '45 22 0:60 /sys /proc/sys ro,nosuid - proc proc rw'),
    ...v2Group('/sys/fs/cgroup', { has: 'cpu memory pids', pids: '1\n33\n' }),
  },
  links: COMMON_LINKS,
  modes: COMMON_MODES,
  writable: ['/sys/fs/cgroup'],
}

/** WSL 2 without systemd: hybrid, a kernel before cgroup.kill and before user.max_user_namespaces was raised. */
export const wsl: Recording = {
  files: {
    ...commonFiles('5.10.102.1-microsoft-standard-WSL2', ORDINARY),
    '/proc/sys/user/max_user_namespaces': '0\n',
    '/proc/sys/vm/memfd_noexec': '2\n',
    '/proc/self/cgroup': '4:memory:/\n2:cpu:/\n0::/\n',
    '/proc/self/mountinfo': mountLines(
      '60 50 0:40 / /sys/fs/cgroup/cpu rw,nosuid - cgroup cgroup rw,cpu',
      '61 50 0:41 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory',
      '62 50 0:42 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw,nsdelegate',
      '63 22 0:43 / /proc/sys/fs/binfmt_misc rw,relatime - binfmt_misc binfmt_misc rw',
    ),
    ...v1Group('/sys/fs/cgroup/cpu'),
    ...v1Group('/sys/fs/cgroup/memory'),
    ...v2Group('/sys/fs/cgroup/unified', { has: '', root: true }),
  },
  links: COMMON_LINKS,
  modes: COMMON_MODES,
}

export const RECORDINGS = {
  v1Container,
  v1Root,
  hybridRoot,
  v2SystemdRoot,
  v2Delegated,
  v2Session,
  v2Nested,
  wsl,
} as const
