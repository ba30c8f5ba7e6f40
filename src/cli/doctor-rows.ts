import type { HostFacts } from '../host/facts.ts'
import { doctorCgroupRows } from './doctor-cgroup-rows.ts'
import { answerOf, type DoctorRow } from './doctor-row.ts'

/** Everything that the facts say, feature by feature, in the order in which it is printed. */
export function doctorRows(facts: HostFacts): DoctorRow[] {
  return [
    ...systemRows(facts),
    ...namespaceRows(facts),
    ...identityRows(facts),
    ...doctorCgroupRows(facts),
    ...securityRows(facts),
    ...toolRows(facts),
  ]
}

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
