import type { Answer, CgroupFacts, Controller, ControllerFacts, HostFacts } from '../host/facts.ts'

/** One feature of the host. */
export interface DoctorRow {
  readonly section: string
  readonly name: string
  readonly answer: Answer
  /** Whether no sandbox can be made without it */
  readonly needed: boolean
  /** What is there, when it is */
  readonly detail: string
}

/** Everything that the facts say, feature by feature, in the order in which it is printed. */
export function doctorRows(facts: HostFacts): DoctorRow[] {
  return [
    ...systemRows(facts),
    ...namespaceRows(facts),
    ...identityRows(facts),
    ...cgroupRows(facts.cgroups),
    ...securityRows(facts),
    ...toolRows(facts),
  ]
}

const answerOf = (ok: boolean, reason: string, remedy: string): Answer => (ok ? { ok } : { ok, reason, remedy })

function systemRows({ arch, kernel, memfdExec, procMount }: HostFacts): DoctorRow[] {
  const section = 'System'
  const isNew = kernel.major > 5 || (kernel.major === 5 && kernel.minor >= 12)
  // mount_setattr (5.12) is the newest call that the root file system cannot do without.
  const kernelAnswer = answerOf(isNew, `Linux ${kernel.release} is older than 5.12`, 'use a newer kernel')
  return [
    { section, name: 'kernel', answer: kernelAnswer, needed: true, detail: `Linux ${kernel.release}, ${arch}` },
    { section, name: 'sealed agent', answer: memfdExec, needed: true, detail: 'memfds may be executed' },
    { section, name: 'fresh /proc', answer: procMount, needed: true, detail: 'user namespaces may mount procfs' },
  ]
}

const NAMESPACES = ['user', 'mnt', 'pid', 'net', 'uts', 'ipc', 'cgroup', 'time'] as const

function namespaceRows({ namespaces, userNamespaces, uid }: HostFacts): DoctorRow[] {
  const section = 'Namespaces'
  const missing = NAMESPACES.filter((name) => !namespaces.includes(name))
  const kinds = answerOf(
    missing.length === 0,
    `this kernel lacks ${missing.join(', ')}`,
    'use a kernel with CONFIG_NAMESPACES and all kinds below it',
  )
  // Time namespaces (5.6) are the one kind that a sandbox can do without.
  const needed = missing.some((name) => name !== 'time')
  return [
    { section, name: 'kinds', answer: kinds, needed, detail: NAMESPACES.join(' ') },
    {
      section,
      name: 'user namespaces',
      answer: userNamespaces,
      needed: true,
      detail: uid === 0 ? 'made as root' : 'for ordinary users too',
    },
  ]
}

function identityRows({ uid, gid, capabilities, subordinate }: HostFacts): DoctorRow[] {
  const section = 'Identity'
  const who = capabilities.length ? `${capabilities.length} capabilities` : 'no capabilities'
  const user: DoctorRow = {
    section,
    name: 'user',
    answer: { ok: true },
    needed: false,
    detail: `uid ${uid}, gid ${gid}, ${who}`,
  }
  if (uid === 0)
    return [user, { section, name: 'id ranges', answer: { ok: true }, needed: false, detail: 'any, as root' }]
  return [user, { section, name: 'id ranges', ...idRanges(subordinate, uid), needed: false }]
}

function idRanges(
  { newuidmap, newgidmap, uids, gids }: HostFacts['subordinate'],
  uid: number,
): Pick<DoctorRow, 'answer' | 'detail'> {
  const total = uids.reduce((sum, { count }) => sum + count, 0)
  const detail = `${total} user ids from /etc/subuid`
  if (newuidmap === null || newgidmap === null) {
    const reason = 'newuidmap and newgidmap are not installed, so a sandbox has one user id only'
    return {
      detail,
      answer: answerOf(false, reason, 'apt install uidmap (Debian, Ubuntu) or dnf install shadow-utils (Fedora)'),
    }
  }
  const reason = `user ${uid} has no range in /etc/subuid and /etc/subgid, so a sandbox has one user id only`
  const remedy = 'usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER'
  return { detail, answer: answerOf(uids.length > 0 && gids.length > 0, reason, remedy) }
}

/** What people call the limit that a controller enforces. */
const LIMIT_NAMES: readonly (readonly [Controller, string])[] = [
  ['memory', 'memory limit'],
  ['pids', 'process limit'],
  ['cpu', 'cpu limit'],
  ['cpuset', 'cpu binding'],
  ['io', 'io limit'],
]

function cgroupRows(facts: CgroupFacts): DoctorRow[] {
  const section = `Cgroups (${facts.mode})`
  const limits = LIMIT_NAMES.map(([controller, name]): DoctorRow => {
    const found = facts.controllers[controller]
    return {
      section,
      name,
      answer: found?.usable ?? absent(controller, facts),
      needed: false,
      detail: found ? whereOf(found) : '',
    }
  })
  const swap = answerOf(facts.swap, 'swap is not counted per group', 'boot the kernel with swapaccount=1')
  const kill = facts.unified
    ? answerOf(facts.unified.kill, 'this kernel has no cgroup.kill', 'use Linux 5.14 or newer')
    : answerOf(
        false,
        'no cgroup v2 tree is mounted',
        'mkdir /sys/fs/cgroup/unified; mount -t cgroup2 none /sys/fs/cgroup/unified',
      )
  const killUsable = kill.ok && facts.unified ? facts.unified.usable : kill
  return [
    ...limits,
    { section, name: 'swap limit', answer: swap, needed: false, detail: 'counted with memory' },
    {
      section,
      name: 'cgroup.kill',
      answer: killUsable,
      needed: false,
      detail: `v2 below ${facts.unified?.parent ?? ''}`,
    },
  ]
}

function absent(controller: Controller, { mode }: CgroupFacts): Answer {
  if (mode === 'none')
    return answerOf(false, 'no cgroup file system is mounted', 'mount -t cgroup2 none /sys/fs/cgroup')
  const name = controller === 'io' && mode !== 'v2' ? 'blkio' : controller
  const mount =
    mode === 'v2'
      ? `boot without cgroup_disable=${name}`
      : `mkdir /sys/fs/cgroup/${name}; mount -t cgroup -o ${name} none /sys/fs/cgroup/${name}`
  return answerOf(false, `this host has no ${name} controller`, mount)
}

function whereOf({ version, parent, enable = [] }: ControllerFacts): string {
  return `v${version} below ${parent}${enable.length ? `, to be enabled in ${enable.join(' and ')}` : ''}`
}

function securityRows({ seccomp, securityModules }: HostFacts): DoctorRow[] {
  const section = 'Security'
  const modules = securityModules.length ? securityModules.join(' ') : 'none active'
  return [
    { section, name: 'seccomp filters', answer: seccomp, needed: true, detail: 'errno, kill_process' },
    { section, name: 'security modules', answer: { ok: true }, needed: false, detail: modules },
  ]
}

function toolRows({ compiler }: HostFacts): DoctorRow[] {
  if (compiler === undefined) return []
  const reason = 'no C compiler found, which only a build from a clone needs'
  const answer = answerOf(
    compiler !== null,
    reason,
    'apt install gcc libc6-dev (Debian, Ubuntu) or dnf install gcc glibc-static (Fedora)',
  )
  return [{ section: 'Tools', name: 'cc', answer, needed: false, detail: compiler ?? '' }]
}
