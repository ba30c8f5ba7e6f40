import { ALLOWED_GROUPS } from './default-groups.ts'
import { ALLOW, failWith, low32Equal, maskedEqual, type SeccompProfile, type SeccompRule } from './profile.ts'

const EPERM = failWith(1)
const ENOSYS = failWith(38)
const EAFNOSUPPORT = failWith(97)

/** S_ISUID | S_ISGID */
const SET_ID_BITS = 0o6000

/** O_CREAT | __O_TMPFILE; only with one of them does open(2) read its mode, the register holds anything otherwise. */
const CREATING_FLAGS = 0o100 | 0o20000000

/** CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET; NEWTIME cannot be given to clone(2). */
const NAMESPACE_FLAGS = 0x7e02_0000

const FAMILY = { AF_UNIX: 1, AF_INET: 2, AF_INET6: 10, AF_NETLINK: 16 } as const
const NETLINK_ROUTE = 0
const SOCK_TYPE_MASK = 0xf
const SOCK_PACKET = 10

const PROCESS_RULES: readonly SeccompRule[] = [
  { names: ['clone'], action: ALLOW, args: [maskedEqual(0, NAMESPACE_FLAGS, 0)] },
  // Flags lie in memory where a filter cannot look (CVE-2021-41133 of Flatpak); on ENOSYS C libraries fall back to clone.
  { names: ['clone3'], action: ENOSYS },
  // PER_LINUX, PER_LINUX32, both with UNAME26, and the query: no READ_IMPLIES_EXEC, no ADDR_NO_RANDOMIZE.
  ...[0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff].map((persona): SeccompRule => ({
    names: ['personality'],
    action: ALLOW,
    args: [low32Equal(0, persona)],
  })),
]

const TERMINAL_RULES: readonly SeccompRule[] = [
  // Both push input to a terminal that the host reads: CVE-2017-5226 (TIOCSTI), CVE-2023-28100 (TIOCLINUX).
  { names: ['ioctl'], action: EPERM, args: [low32Equal(1, 0x5412)] },
  { names: ['ioctl'], action: EPERM, args: [low32Equal(1, 0x541c)] },
  { names: ['ioctl'], action: ALLOW },
]

const SOCKET_RULES: readonly SeccompRule[] = [
  // The kernel turns AF_INET with this obsolete type into AF_PACKET (packet(7)).
  { names: ['socket'], action: EAFNOSUPPORT, args: [maskedEqual(1, SOCK_TYPE_MASK, SOCK_PACKET)] },
  ...[FAMILY.AF_UNIX, FAMILY.AF_INET, FAMILY.AF_INET6].map((family): SeccompRule => ({
    names: ['socket'],
    action: ALLOW,
    args: [low32Equal(0, family)],
  })),
  { names: ['socket'], action: ALLOW, args: [low32Equal(0, FAMILY.AF_NETLINK), low32Equal(2, NETLINK_ROUTE)] },
  { names: ['socketpair'], action: ALLOW, args: [low32Equal(0, FAMILY.AF_UNIX)] },
  // The errno of a kernel that lacks the family: programs go on without it.
  { names: ['socket', 'socketpair'], action: EAFNOSUPPORT },
]

/** A file made set-user-ID through a writable bind would be so on the host, where any user may run it. */
const MODE_RULES: readonly SeccompRule[] = [
  { names: ['chmod', 'fchmod', 'creat', 'mknod'], action: ALLOW, args: [maskedEqual(1, SET_ID_BITS, 0)] },
  { names: ['fchmodat', 'fchmodat2', 'mknodat'], action: ALLOW, args: [maskedEqual(2, SET_ID_BITS, 0)] },
  { names: ['open'], action: ALLOW, args: [maskedEqual(1, CREATING_FLAGS, 0)] },
  { names: ['open'], action: ALLOW, args: [maskedEqual(2, SET_ID_BITS, 0)] },
  { names: ['openat'], action: ALLOW, args: [maskedEqual(2, CREATING_FLAGS, 0)] },
  { names: ['openat'], action: ALLOW, args: [maskedEqual(3, SET_ID_BITS, 0)] },
  // Its flags and mode lie in memory where a filter cannot look.
  { names: ['openat2'], action: ENOSYS },
]

/**
 * The policy of a sandbox for which none was given: an allow-list for x86-64 and arm64 under which compilers, language runtimes,
 * shells and terminals work. What it does not name fails with EPERM, what the tables do not know with ENOSYS.
 */
export const DEFAULT_SECCOMP_PROFILE: SeccompProfile = {
  defaultAction: EPERM,
  unknownAction: ENOSYS,
  architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_AARCH64'],
  rules: [
    ...Object.values(ALLOWED_GROUPS).map(({ names }): SeccompRule => ({ names, action: ALLOW })),
    ...PROCESS_RULES,
    ...TERMINAL_RULES,
    ...SOCKET_RULES,
    ...MODE_RULES,
  ],
}
