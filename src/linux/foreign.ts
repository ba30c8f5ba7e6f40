import { UnsupportedError } from '../base/errors.ts'

/** A system call of another kernel. */
export interface ForeignCall {
  /** The system that has it */
  readonly platform: 'FreeBSD' | 'OpenBSD'
  /** Its man page there */
  readonly page: string
  /** What it does there */
  readonly about: string
  /** What does the same on Linux, or comes nearest to it */
  readonly instead: string
}

const CAPSICUM = 'seccomp(2) with an allow-list, and Landlock (landlock_restrict_self) for paths'
const DESCRIPTOR_RIGHTS =
  'hand out descriptors that can do no more: openat(2) with O_RDONLY or O_PATH, memfd seals (F_ADD_SEALS), and a seccomp filter that looks at the arguments'
const JAIL =
  'namespaces (clone3 with CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET …) and pivot_root, or the class Sandbox'

/**
 * Calls that programs for other systems use to confine themselves. As methods of `agent.sys` they reject with what
 * `foreignError` makes, so that a program ported from there learns what Linux has instead.
 */
export const FOREIGN = {
  cap_constant: {
    platform: 'FreeBSD',
    page: 'rights(4)',
    about: 'The number of a Capsicum right by its name',
    instead: "constantValue('capability', …) for the capabilities of Linux, which are something else",
  },
  cap_enter: {
    platform: 'FreeBSD',
    page: 'cap_enter(2)',
    about: 'Enters capability mode: from then on only descriptors that are open already can be used',
    instead: CAPSICUM,
  },
  cap_fcntls_get: {
    platform: 'FreeBSD',
    page: 'cap_fcntls_limit(2)',
    about: 'The fcntl commands that a descriptor still takes',
    instead: `no descriptor of Linux carries such a list; ${DESCRIPTOR_RIGHTS}`,
  },
  cap_fcntls_limit: {
    platform: 'FreeBSD',
    page: 'cap_fcntls_limit(2)',
    about: 'Limits the fcntl commands that a descriptor takes',
    instead: DESCRIPTOR_RIGHTS,
  },
  cap_getmode: {
    platform: 'FreeBSD',
    page: 'cap_enter(2)',
    about: 'Whether the process is in capability mode',
    instead: "prctl('PR_GET_SECCOMP') and the line Seccomp of /proc/PID/status",
  },
  cap_ioctls_limit: {
    platform: 'FreeBSD',
    page: 'cap_ioctls_limit(2)',
    about: 'Limits the ioctl requests that a descriptor takes',
    instead: `${DESCRIPTOR_RIGHTS}; for devices also LANDLOCK_ACCESS_FS_IOCTL_DEV`,
  },
  cap_rights_limit: {
    platform: 'FreeBSD',
    page: 'cap_rights_limit(2)',
    about: 'Limits what a descriptor can be used for',
    instead: DESCRIPTOR_RIGHTS,
  },
  jail: { platform: 'FreeBSD', page: 'jail(2)', about: 'Makes a jail and puts the process into it', instead: JAIL },
  jail_attach: {
    platform: 'FreeBSD',
    page: 'jail(2)',
    about: 'Puts the process into a jail',
    instead: 'setns(2) with a pidfd of a process in the container, or with descriptors of /proc/PID/ns/*',
  },
  jail_remove: {
    platform: 'FreeBSD',
    page: 'jail(2)',
    about: 'Removes a jail and kills all processes in it',
    instead: 'SIGKILL to the first process of the pid namespace, or cgroup.kill; Agent.close() does the former',
  },
  pledge: {
    platform: 'OpenBSD',
    page: 'pledge(2)',
    about: 'Limits the process to groups of system calls',
    instead: 'seccomp(2) with an allow-list, after PR_SET_NO_NEW_PRIVS',
  },
  procctl: {
    platform: 'FreeBSD',
    page: 'procctl(2)',
    about: 'Controls reaping, tracing and address-space layout of processes',
    instead: 'prctl(2): PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG, PR_SET_DUMPABLE; personality(2): ADDR_NO_RANDOMIZE',
  },
  unveil: {
    platform: 'OpenBSD',
    page: 'unveil(2)',
    about: 'Hides all paths but those named',
    instead: 'Landlock (landlock_create_ruleset, landlock_add_rule, landlock_restrict_self), or a mount namespace',
  },
} as const satisfies Record<string, ForeignCall>

/** A call that Linux does not have. */
export type ForeignName = keyof typeof FOREIGN

/** The calls of other kernels as methods: each rejects, whatever its arguments. @throws UnsupportedError */
export type ForeignCalls = { readonly [name in ForeignName]: (...args: readonly unknown[]) => Promise<never> }

/** What a call of another kernel is answered with: names the system that has it, and the way of Linux. */
export function foreignError(name: ForeignName): UnsupportedError {
  const { platform, page, instead }: ForeignCall = FOREIGN[name]
  const message = `${name}() is a call of ${platform} (${page}), which Linux does not have`
  return new UnsupportedError(message, { fact: `call ${name}`, remedy: `on Linux: ${instead}` })
}
