import {
  ROOT,
  ORDINARY,
  commonFiles,
  COMMON_LINKS,
  COMMON_MODES,
  V2_MOUNT,
  mountLines,
  v1Group,
  v2Group,
  processes,
  BOOTED,
  SYSTEM_BUS,
} from './recorded-parts.ts'
import type { Recording } from './recorded-source.ts'

export { type Recording, recordedSource } from './recorded-source.ts'

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
    ...v1Group('/sys/fs/cgroup/systemd/user.slice/session-1.scope'),
    ...BOOTED,
  },
  links: COMMON_LINKS,
  modes: COMMON_MODES,
  writable: ['/sys/fs/cgroup'],
  sockets: [SYSTEM_BUS, '/run/systemd/private'],
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
const ALL = 'cpuset cpu io memory hugetlb pids rdma misc'

/** Root in a login session of a v2 host with systemd: the session holds sshd and a shell too, its slice has no cpu controller. */
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
    ...v2Group(`${SLICE}/user-0.slice/session-1.scope`, { has: 'memory pids', pids: '4180\n4200\n4242\n4250\n' }),
    ...processes(4242, {
      4180: ['sshd: root@pts/0', 900],
      4200: ['bash', 4180],
      4242: ['node', 4200],
      4250: ['carrel-agent', 4242],
    }),
    ...{ '/sys/fs/cgroup/user.slice/user-0.slice/cpuset.cpus.effective': '0-7\n', '/usr/bin/cc': '' },
    '/sys/kernel/security/lsm': 'capability,landlock,apparmor,bpf\n',
    ...BOOTED,
  },
  links: COMMON_LINKS,
  modes: COMMON_MODES,
  writable: ['/sys/fs/cgroup'],
  sockets: [SYSTEM_BUS, '/run/systemd/private'],
}

const SCOPE = '/sys/fs/cgroup/system.slice/deleg.scope'

/** Root in a scope that systemd delegated and that only its own processes are in: systemd-run --scope -p Delegate=yes carrel …. */
export const v2DelegatedRoot: Recording = {
  files: {
    ...commonFiles('6.1.0-56-cloud-amd64', ROOT),
    '/proc/self/cgroup': '0::/system.slice/deleg.scope\n',
    '/proc/self/mountinfo': mountLines(V2_MOUNT),
    ...v2Group('/sys/fs/cgroup', { has: ALL, gives: 'cpuset cpu io memory pids', pids: '2\n', root: true }),
    ...v2Group('/sys/fs/cgroup/system.slice', { has: 'cpuset cpu io memory pids', gives: 'cpuset cpu io memory pids' }),
    ...v2Group(SCOPE, { has: 'cpuset cpu io memory pids', pids: '209\n215\n' }),
    ...processes(209, { 209: ['node', 158], 215: ['carrel-agent', 209], 158: ['bash', 1] }),
    ...{ '/run/systemd/transient/deleg.scope': '[Unit]\nDescription=carrel\n\n[Scope]\nDelegate=yes\n', ...BOOTED },
  },
  links: COMMON_LINKS,
  modes: COMMON_MODES,
  writable: ['/sys/fs/cgroup'],
  sockets: [SYSTEM_BUS, '/run/systemd/private'],
}

const MANAGER = `${SLICE}/user-1000.slice/user@1000.service`
const USER_SCOPE = 'user.slice/user-1000.slice/user@1000.service/app.slice'
const USER_TREE = {
  ...v2Group('/sys/fs/cgroup', { has: ALL, gives: 'cpu memory pids', root: true }),
  ...v2Group(SLICE, { has: 'cpu memory pids', gives: 'cpu memory pids' }),
  ...v2Group(`${SLICE}/user-1000.slice`, { has: 'cpu memory pids', gives: 'cpu memory pids' }),
  ...v2Group(`${SLICE}/user-1000.slice/session-2.scope`, { has: 'cpu memory pids', pids: '77\n' }),
  ...v2Group(MANAGER, { has: 'cpu memory pids', gives: 'cpu memory pids' }),
  ...v2Group(`${MANAGER}/app.slice`, { has: 'cpu memory pids', gives: 'cpu memory pids' }),
  ...v2Group(`${MANAGER}/app.slice/run-1.scope`, { has: 'cpu memory pids', pids: '4242\n' }),
  ...v2Group(`${MANAGER}/app.slice/plain.scope`, { has: 'memory pids', pids: '4241\n4242\n' }),
}
const USER_TOOLS = {
  ...{ '/usr/bin/newuidmap': '', '/usr/bin/newgidmap': '' },
  ...{ '/etc/subuid': 'ada:100000:65536\nbob:165536:65536\n', '/etc/subgid': '1000:200000:65536\n' },
}

/** An ordinary user in a scope that systemd delegated: systemd-run --user --scope -p Delegate=yes. */
export const v2Delegated: Recording = {
  files: {
    ...commonFiles('6.1.0-38-amd64', ORDINARY),
    '/proc/self/cgroup': `0::/${USER_SCOPE}/run-1.scope\n`,
    '/proc/self/mountinfo': mountLines(V2_MOUNT),
    ...USER_TREE,
    ...USER_TOOLS,
    ...processes(4242, { 4242: ['node', 4241], 4241: ['bash', 1] }),
    ...{ '/run/user/1000/systemd/transient/run-1.scope': '[Scope]\nDelegate=yes\n', ...BOOTED },
  },
  links: COMMON_LINKS,
  modes: COMMON_MODES,
  writable: [MANAGER],
  owners: { [MANAGER]: 1000, '/run/user/1000': 1000 },
  sockets: [SYSTEM_BUS, '/run/user/1000/bus', '/run/user/1000/systemd/private'],
  variables: { XDG_RUNTIME_DIR: '/run/user/1000', HOME: '/home/ada' },
}

/** The same user in a scope of the user's manager that is not delegated, a terminal for instance: all that is below it the user owns. */
export const v2UserScope: Recording = {
  ...v2Delegated,
  files: { ...v2Delegated.files, '/proc/self/cgroup': `0::/${USER_SCOPE}/plain.scope\n` },
}

const SERVICE = '/sys/fs/cgroup/system.slice/udeleg.service'

/** An ordinary user as a service of the system: User=ada, Delegate=yes, and no manager of its own. */
export const v2UserService: Recording = {
  files: {
    ...commonFiles('6.1.0-56-cloud-amd64', ORDINARY),
    '/proc/self/cgroup': '0::/system.slice/udeleg.service\n',
    '/proc/self/mountinfo': mountLines(V2_MOUNT),
    ...v2Group('/sys/fs/cgroup', { has: ALL, gives: 'cpuset cpu io memory pids', root: true }),
    ...v2Group('/sys/fs/cgroup/system.slice', { has: 'cpuset cpu io memory pids', gives: 'cpuset cpu io memory pids' }),
    ...v2Group(SERVICE, { has: 'cpuset cpu io memory pids', pids: '306\n' }),
    ...processes(306, { 306: ['node', 1] }),
    ...BOOTED,
  },
  links: COMMON_LINKS,
  modes: COMMON_MODES,
  writable: [SERVICE],
  owners: { [SERVICE]: 1000 },
  sockets: [SYSTEM_BUS],
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
    ...processes(33, { 1: ['sh', 0], 33: ['node', 1] }),
  },
  links: COMMON_LINKS,
  modes: COMMON_MODES,
  writable: ['/sys/fs/cgroup'],
}

/** Root in a privileged podman container whose first process is Node itself: all processes are in the root of its namespace. */
export const v2Container: Recording = {
  ...v2Nested,
  files: {
    ...v2Nested.files,
    '/sys/fs/cgroup/cgroup.procs': '1\n12\n',
    ...processes(1, { 1: ['node', 0], 12: ['carrel-agent', 1] }),
    '/proc/self/uid_map': '         0     100000      65536\n',
  },
}

/** Root in a container as docker makes it by default: its own cgroup namespace, the tree read-only. */
export const v2ReadOnly: Recording = { ...v2Container, readOnly: ['/sys/fs/cgroup'] }

/** Root in a new cgroup namespace that still has the mount of the one it came from: its root shows as `/../..` (nsdelegate). */
export const v2OutsideMount: Recording = {
  ...v2DelegatedRoot,
  files: {
    ...v2DelegatedRoot.files,
    '/proc/self/cgroup': '0::/\n',
    '/proc/self/mountinfo': mountLines(V2_MOUNT.replace(' / /sys', ' /../.. /sys')),
  },
}

/** Root in a login session of a hybrid host with systemd (Debian 10): controllers on v1, systemd's own groups in both trees. */
export const hybridSystemd: Recording = {
  files: {
    ...commonFiles('4.19.0-26-amd64', ROOT),
    '/proc/self/cgroup': [
      ...['9:devices:/user.slice', '8:freezer:/', '7:pids:/user.slice/user-0.slice/session-1.scope', '6:cpuset:/'],
      ...['5:net_cls,net_prio:/', '4:perf_event:/', '3:memory:/user.slice', '2:cpu,cpuacct:/user.slice'],
      ...['1:name=systemd:/user.slice/user-0.slice/session-1.scope', '0::/user.slice/user-0.slice/session-1.scope', ''],
    ].join('\n'),
    '/proc/self/mountinfo': mountLines(
      '30 23 0:26 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw,nsdelegate',
      '31 23 0:27 / /sys/fs/cgroup/systemd rw,nosuid - cgroup cgroup rw,xattr,name=systemd',
      '32 23 0:30 / /sys/fs/cgroup/pids rw,nosuid - cgroup cgroup rw,pids',
      '33 23 0:31 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory',
      '34 23 0:32 / /sys/fs/cgroup/net_cls,net_prio rw,nosuid - cgroup cgroup rw,net_cls,net_prio',
      '35 23 0:33 / /sys/fs/cgroup/devices rw,nosuid - cgroup cgroup rw,devices',
      '36 23 0:34 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct',
    ),
    ...v1Group('/sys/fs/cgroup/systemd/user.slice/user-0.slice/session-1.scope'),
    ...v1Group('/sys/fs/cgroup/pids/user.slice/user-0.slice/session-1.scope', 'pids.max', 'pids.current'),
    ...v1Group(
      '/sys/fs/cgroup/memory/user.slice',
      'memory.limit_in_bytes',
      'memory.memsw.limit_in_bytes',
      'memory.stat',
    ),
    ...v1Group('/sys/fs/cgroup/net_cls,net_prio', 'net_cls.classid', 'release_agent'),
    ...v1Group('/sys/fs/cgroup/devices/user.slice', 'devices.allow', 'devices.deny'),
    ...v1Group('/sys/fs/cgroup/cpu,cpuacct', 'cpu.shares', 'release_agent'),
    ...v1Group('/sys/fs/cgroup/cpu,cpuacct/user.slice', 'cpu.shares', 'cpu.cfs_quota_us', 'cpuacct.usage'),
    ...v2Group('/sys/fs/cgroup/unified', { has: '', root: true }),
    ...v2Group('/sys/fs/cgroup/unified/user.slice/user-0.slice/session-1.scope', { has: '', pids: '800\n812\n' }),
    ...processes(812, { 800: ['bash', 1], 812: ['node', 800] }),
    ...BOOTED,
  },
  links: COMMON_LINKS,
  modes: COMMON_MODES,
  writable: ['/sys/fs/cgroup'],
  sockets: [SYSTEM_BUS],
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
  hybridSystemd,
  v2SystemdRoot,
  v2DelegatedRoot,
  v2Delegated,
  v2UserScope,
  v2UserService,
  v2Session,
  v2Nested,
  v2Container,
  v2ReadOnly,
  v2OutsideMount,
  wsl,
} as const
