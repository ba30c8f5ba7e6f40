import { InvalidInputError, UnsupportedError } from '../base/errors.ts'
import { CAPABILITY_NAMES, capabilityNumbers } from '../features/capabilities/capabilities.ts'
import { parseBytes } from '../features/limits/parse-size.ts'
import type { HostFacts } from '../host/facts.ts'

/** What the command line gave, still as text. */
export interface NsOptions {
  /** Absolute path on the host; empty or `-`: none */
  readonly pre: string
  readonly root: string
  /** Absolute path inside `root` */
  readonly init: string
  readonly args?: readonly string[]
  /** `[uid, gid]`, with `user` only */
  readonly ids?: readonly string[]
  readonly user?: boolean
  readonly network?: boolean
  readonly memory?: string
  readonly pids?: number
  readonly hostname?: string
  readonly ipc?: string
  readonly dev?: string
  readonly cap?: readonly string[]
  readonly seccomp?: string
  readonly newPrivileges?: boolean
  readonly mask?: boolean
  readonly env?: Readonly<Record<string, string>>
  readonly bestEffort?: boolean
}

/** Which /dev the container sees: its own, the root's, or its own only where the root's has no devices that work. */
export type Dev = 'auto' | 'own' | 'root'

/** The same after validation, with every default filled in. */
export interface NsSettings {
  readonly pre: string | null
  readonly root: string
  readonly init: string
  readonly args: readonly string[]
  /** Whom the container's root is on the host, in a user namespace; null: no user namespace */
  readonly user: { readonly uid: number; readonly gid: number } | null
  readonly network: boolean
  readonly ipc: 'own' | 'host'
  readonly memoryBytes: number | null
  readonly pids: number | null
  readonly hostname: string
  readonly dev: Dev
  readonly capabilities: readonly number[]
  readonly seccomp: boolean
  readonly newPrivileges: boolean
  readonly mask: boolean
  /** The whole environment of both programs */
  readonly env: Readonly<Record<string, string>>
  readonly bestEffort: boolean
}

/** PATH of both programs, as in 2014 */
export const SCRIPT_PATH = '/sbin:/bin:/usr/sbin:/usr/bin'

/** Docker's default set without MKNOD, which would reach the host's disks where no user namespace is, and without the network's. */
const KEPT = [
  ...['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'NET_BIND_SERVICE'],
  ...['SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'],
]

/** Kept too where the network is the container's own: on the host's they would listen to its traffic and change its interfaces. */
const KEPT_IN_OWN_NETWORK = ['NET_ADMIN', 'NET_RAW']

/** Checks what was asked for. @throws InvalidInputError naming the field, UnsupportedError naming what this host lacks */
export function parseNsOptions(given: NsOptions, facts: HostFacts): NsSettings {
  const { user: wantsUser = false, network = false, ids = [] } = given
  const root = absolute(given.root, 'ROOT', 'the directory with the root file system')
  assertPrivileged(wantsUser, facts)
  return {
    pre:
      given.pre === '' || given.pre === '-' ? null : absolute(given.pre, 'PRE', 'a program of the host, or - for none'),
    root,
    init: absolute(given.init, 'INIT', 'a path inside ROOT'),
    args: given.args ?? [],
    user: parseUser(wantsUser, ids, facts),
    network,
    ipc: word(given.ipc ?? 'own', ['own', 'host'], 'ipc'),
    memoryBytes: given.memory === undefined ? null : parseMemory(given.memory),
    pids: given.pids ?? null,
    hostname: parseHostname(given.hostname ?? nameOf(root)),
    dev: word(given.dev ?? 'auto', ['auto', 'own', 'root'], 'dev'),
    capabilities: parseCapabilities(given.cap ?? [], given, facts),
    seccomp: word(given.seccomp ?? 'default', ['default', 'unconfined'], 'seccomp') === 'default',
    newPrivileges: given.newPrivileges ?? false,
    mask: given.mask ?? true,
    env: environment(wantsUser, network, given.env ?? {}),
    bestEffort: given.bestEffort ?? false,
  }
}

/** README and code of 2014 disagreed about the names (D-N01): scripts for either find theirs. */
function environment(user: boolean, network: boolean, more: Readonly<Record<string, string>>): Record<string, string> {
  return {
    PATH: SCRIPT_PATH,
    ...(user ? { CLONE_NEWUSER: '1', CLONE_USERNS: '1' } : {}),
    ...(network ? { CLONE_NEWNET: '1', CLONE_NETNS: '1' } : {}),
    ...more,
  }
}

function absolute(path: string, field: string, what: string): string {
  if (path.startsWith('/') && !path.includes('\0')) return path
  throw new InvalidInputError(`${field} must be an absolute path, not ${JSON.stringify(path)}: it is ${what}`, {
    field,
  })
}

function word<Word extends string>(value: string, words: readonly Word[], field: string): Word {
  const found = words.find((each) => each === value)
  if (found !== undefined) return found
  throw new InvalidInputError(`${field} must be ${words.join(' or ')}, not ${JSON.stringify(value)}`, { field })
}

/** Bytes. What is less the kernel counts as nothing */
const PAGE = 4096

function parseMemory(text: string): number {
  const bytes = parseBytes(text, 'memory')
  if (bytes >= PAGE) return bytes
  throw new InvalidInputError(
    `memory must be at least ${PAGE} bytes, a page, not ${JSON.stringify(text)}: leave it out for no limit`,
    { field: 'memory' },
  )
}

/** sethostname(2): at most 64 bytes. */
function parseHostname(name: string): string {
  if (/^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/.test(name)) return name
  throw new InvalidInputError(
    `hostname must be 1 to 64 letters, digits, "-", "." and "_", and begin and end with one of the first two, not ${JSON.stringify(name)}`,
    { field: 'hostname' },
  )
}

/** The name of a root's directory as far as a host may have it. */
function nameOf(root: string): string {
  const name = root.split('/').findLast((part) => part !== '') ?? ''
  return (
    name
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .slice(0, 64)
      .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '') || 'ns'
  )
}

/** In a user namespace all are there; elsewhere nobody can hand on what is not his. */
function parseCapabilities(names: readonly string[], { user, network }: NsOptions, facts: HostFacts): number[] {
  const own = user ? CAPABILITY_NAMES : CAPABILITY_NAMES.filter((name) => facts.capabilities.includes(name))
  if (names.some((name) => name.toLowerCase() === 'all')) return capabilityNumbers(own)
  const available = new Set(capabilityNumbers(own))
  const missing = names.find((_, index) => !available.has(capabilityNumbers(names, 'cap')[index] ?? -1))
  if (missing !== undefined) {
    throw new InvalidInputError(`cap asks for ${missing}, which this user has not: run it as root, or with --user`, {
      field: 'cap',
    })
  }
  const kept = capabilityNumbers([...KEPT, ...(network ? KEPT_IN_OWN_NETWORK : [])])
  return [...new Set([...kept.filter((each) => available.has(each)), ...capabilityNumbers(names, 'cap')])]
}

function parseUser(wanted: boolean, ids: readonly string[], facts: HostFacts): NsSettings['user'] {
  if (!wanted && ids.length === 0) return null
  if (!wanted) {
    throw new InvalidInputError('UID and GID are given without --user: they are whom the root of a user namespace is', {
      field: 'UID',
    })
  }
  if (ids.length !== 2) {
    throw new InvalidInputError('--user needs UID and GID after INIT: whom the root of the container is on the host', {
      field: 'UID',
    })
  }
  const user = { uid: parseId(ids[0] ?? '', 'UID'), gid: parseId(ids[1] ?? '', 'GID') }
  assertMappable('UID', user.uid, facts.uid, facts.capabilities.includes('CAP_SETUID'))
  assertMappable('GID', user.gid, facts.gid, facts.capabilities.includes('CAP_SETGID'))
  return user
}

/** 4294967295 is no id: (uid_t) -1 stands for "leave it" in setresuid(2). */
function parseId(text: string, field: string): number {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (id < 0xffff_ffff) return id
  throw new InvalidInputError(`${field} must be a number from 0 to 4294967294, not ${JSON.stringify(text)}`, { field })
}

function assertMappable(field: string, id: number, own: number, privileged: boolean): void {
  if (privileged || id === own) return
  throw new InvalidInputError(
    `${field} must be ${own}, your own, not ${id}: an ordinary user maps no other id (user_namespaces(7)), root does`,
    { field },
  )
}

function assertPrivileged(user: boolean, { userNamespaces, procMount, capabilities }: HostFacts): void {
  if (!user && !capabilities.includes('CAP_SYS_ADMIN')) {
    throw new UnsupportedError('Namespaces without --user need CAP_SYS_ADMIN, which this user has not', {
      fact: 'CAP_SYS_ADMIN',
      remedy: 'run it as root, or give --user with your own UID and GID after INIT',
    })
  }
  if (!user) return
  for (const [fact, answer] of Object.entries({ 'user namespaces': userNamespaces, procfs: procMount })) {
    if (!answer.ok)
      throw new UnsupportedError(`No user namespace, because ${answer.reason}`, { fact, remedy: answer.remedy })
  }
}
