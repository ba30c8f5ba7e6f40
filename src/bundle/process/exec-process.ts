import { InvalidInputError } from '../../base/errors.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import type { CloneFlag } from '../../linux/tables/clone.ts'
import type { Program } from '../../program/builder.ts'
import type { Capabilities, NamespaceType, Process, User } from '../spec.ts'

/** What the command line of `exec` says; what it does not say is as the container's first process has it. */
export interface ExecOptions {
  readonly args: readonly string[]
  readonly cwd?: string
  /** Added to the container's */
  readonly env?: readonly string[]
  /** `uid` or `uid:gid` */
  readonly user?: string
  readonly tty?: boolean
  /** Added to the container's, by name */
  readonly capabilities?: readonly string[]
  readonly noNewPrivileges?: boolean
  readonly additionalGids?: readonly number[]
  readonly apparmor?: string
  readonly label?: string
}

/** Largest id; 2^32-1 means "no change" to setresuid(2). */
const MOST_ID = 0xffff_fffe

/**
 * The ids of `uid` or `uid:gid`: decimal digits and nothing else, as a name or a sign that is read as 0 would be root (CVE-2026-30892).
 * @throws InvalidInputError
 */
export function parseUser(text: string): { readonly uid: number; readonly gid?: number } {
  const [, uid, gid] = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(text) ?? []
  if (uid === undefined || Number(uid) > MOST_ID || Number(gid ?? 0) > MOST_ID) {
    const rule = `must be uid or uid:gid, numbers from 0 to ${MOST_ID}, not ${JSON.stringify(text)}`
    throw new InvalidInputError(`/process/user ${rule}`, { field: '/process/user' })
  }
  return { uid: Number(uid), ...(gid === undefined ? {} : { gid: Number(gid) }) }
}

/**
 * The process that `exec` runs: the container's own with what the options say instead. A new user has no groups but those that are named.
 * Limits, scheduling and labels are the container's; its terminal is not.
 */
export function execProcess(container: Process, options: ExecOptions): Process {
  const { consoleSize: _size, terminal: _terminal, ...rest } = container
  return {
    ...rest,
    args: options.args,
    cwd: options.cwd ?? container.cwd,
    env: [...(container.env ?? []), ...(options.env ?? [])],
    terminal: options.tty ?? false,
    user: userOf(container.user, options),
    ...(options.capabilities?.length ? { capabilities: withMore(container.capabilities, options.capabilities) } : {}),
    ...(options.noNewPrivileges === undefined ? {} : { noNewPrivileges: options.noNewPrivileges }),
    ...(options.apparmor === undefined ? {} : { apparmorProfile: options.apparmor }),
    ...(options.label === undefined ? {} : { selinuxLabel: options.label }),
  }
}

function userOf(user: User = { uid: 0, gid: 0 }, { user: text, additionalGids }: ExecOptions): User {
  const chosen: User =
    text === undefined
      ? user
      : { gid: 0, ...parseUser(text), ...(user.umask === undefined ? {} : { umask: user.umask }) }
  const groups = [...(chosen.additionalGids ?? []), ...(additionalGids ?? [])]
  return groups.length === 0 ? chosen : { ...chosen, additionalGids: [...new Set(groups)] }
}

/** The ambient and inheritable sets stay as they are: a capability of the command line is for this program alone (CVE-2022-29162). */
function withMore(sets: Capabilities = {}, names: readonly string[]): Capabilities {
  const upper = names.map((name) => name.toUpperCase()).map((name) => (name.startsWith('CAP_') ? name : `CAP_${name}`))
  const add = (set: readonly string[] = []): readonly string[] => [...new Set([...set, ...upper])]
  return { ...sets, bounding: add(sets.bounding), effective: add(sets.effective), permitted: add(sets.permitted) }
}

const FLAGS: Readonly<Record<NamespaceType, CloneFlag>> = {
  user: 'CLONE_NEWUSER',
  pid: 'CLONE_NEWPID',
  network: 'CLONE_NEWNET',
  mount: 'CLONE_NEWNS',
  ipc: 'CLONE_NEWIPC',
  uts: 'CLONE_NEWUTS',
  cgroup: 'CLONE_NEWCGROUP',
  time: 'CLONE_NEWTIME',
}

/**
 * Enters namespaces of a process, all or none of them (setns(2) with a pidfd, Linux 5.8). For the maker of the process: the pid
 * namespace counts for its children. It must not be looked into from the moment on that it is in there (CVE-2016-9962).
 */
export function joinSteps(p: Program, pidfd: Ref<Fd>, namespaces: readonly NamespaceType[]): void {
  p.because('namespaces', 'Not to be looked into by processes that it is about to stand beside (CVE-2016-9962)')
  p.prctl('PR_SET_DUMPABLE', 0, 0, 0, 0)
  if (namespaces.length === 0) return
  p.because(
    'namespaces',
    'Those of the container’s first process, by a descriptor that no other process can take the place of',
  )
  p.setns(
    pidfd,
    namespaces.map((type) => FLAGS[type]),
  )
}
