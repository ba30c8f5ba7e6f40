import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { isAbsolute, normalize, resolve } from 'node:path'
import { InvalidInputError } from '../base/errors.ts'
import { capabilityNumbers } from '../features/capabilities/capabilities.ts'
import { parseBytes, parseDuration } from '../features/limits/parse-size.ts'
import { DEFAULT_SECCOMP_PROFILE, type SeccompProfile } from '../features/seccomp/index.ts'
import { POOL } from '../features/users/id-map.ts'
import type { RootEntry } from '../host/facts.ts'
import { didYouMean } from '../linux/nearest.ts'
import { RLIMITS } from '../linux/tables/rlimits.ts'
import { generatedEtc, HOME } from '../plan/layout.ts'
import type { BindSetting, ResourceLimits, Settings, User } from '../plan/settings.ts'
import { DEFAULT_PATH } from '../program/exec-steps.ts'
import { identify } from './identity.ts'
import type { BindOption, SandboxOptions } from './options.ts'
import { parseResources } from './parse-resources.ts'

const DEFAULTS = { tmp: '512M', user: '1000:1000' } as const

const KNOWN = new Set([
  'memory',
  'pids',
  'memorySwap',
  'cpus',
  'cpuWeight',
  'cpuset',
  'resources',
  'cgroupManager',
  'tmp',
  'rootfs',
  'binds',
  'env',
  'workdir',
  'user',
  'hostname',
  'net',
  'etc',
  'rlimits',
  'capabilities',
  'seccomp',
  'bestEffort',
  'name',
  'timeoutMs',
  'signal',
])

/**
 * Checks every option and fills in the defaults; looks at the paths that the caller named, and nothing else.
 * @param draw numbers from 0 to 1 for what must differ between sandboxes
 * @throws InvalidInputError naming the option
 */
export function parseOptions(options: SandboxOptions, draw: () => number = Math.random): Settings {
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name))
      throw new InvalidInputError(`There is no option ${name}${didYouMean(name, KNOWN)}`, { field: name })
  }
  const identity = identify(options.name, draw)
  const hostname = parseHostname(options.hostname ?? `carrel-${Math.floor(draw() * 1e8)}`)
  const user = parseUser(options.user ?? DEFAULTS.user)
  const rootfs = options.rootfs === undefined ? null : parseRootfs(options.rootfs)
  const net = parseNet(options.net ?? 'none')
  if (options.timeoutMs !== undefined) parseDuration(options.timeoutMs, 'timeoutMs')
  const binds = (options.binds ?? []).map((bind, index) => parseBind(bind, `binds[${index}]`))
  assertDistinct(binds)
  return {
    identity,
    hostname,
    net,
    user,
    range: Math.floor(draw() * POOL.ranges),
    rootfs,
    binds,
    etc: {
      ...generatedEtc({ hostname, user, resolv: resolvConf(net), ...rootUsers(rootfs?.path) }),
      ...parseEtc(options.etc ?? {}),
    },
    env: environment(options.env ?? {}),
    workdir: parseWorkdir(options.workdir ?? HOME),
    capabilities: capabilityNumbers(options.capabilities ?? []),
    seccomp: parseSeccomp(options.seccomp ?? 'default'),
    ...parseResources(options),
    manager: parseManager(options.cgroupManager ?? 'auto'),
    bestEffort: options.bestEffort ?? false,
    rlimits: parseRlimits(options.rlimits ?? {}),
    tmpBytes: parseBytes(options.tmp ?? DEFAULTS.tmp, 'tmp'),
  }
}

function parseHostname(hostname: string): string {
  // hostname(7): labels of letters, digits and hyphens; the kernel takes 64 bytes.
  if (typeof hostname === 'string' && hostname.length <= 64 && /^(?!-)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/.test(hostname))
    return hostname
  throw new InvalidInputError(
    `hostname is ${JSON.stringify(hostname)}: up to 64 letters, digits, hyphens and dots are wanted`,
    {
      field: 'hostname',
    },
  )
}

function parseNet(net: string): Settings['net'] {
  if (net === 'none' || net === 'host') return net
  throw new InvalidInputError(`net is ${JSON.stringify(net)}: 'none' or 'host' is wanted`, { field: 'net' })
}

function parseManager(manager: string): Settings['manager'] {
  if (manager === 'auto' || manager === 'files' || manager === 'systemd') return manager
  const message = `cgroupManager is ${JSON.stringify(manager)}: 'auto', 'files' or 'systemd' is wanted`
  throw new InvalidInputError(message, { field: 'cgroupManager' })
}

/** Largest id: (uid_t) -1 means "unchanged" to the kernel. */
const MAX_ID = 0xffff_fffe

/** @throws InvalidInputError unless the text is exactly numbers (CVE-2026-30892: a bad user must never become another one) */
export function parseUser(user: NonNullable<SandboxOptions['user']>): User {
  const { uid, gid } =
    typeof user === 'object' ? { uid: user.uid, gid: user.gid ?? user.uid } : parseUserText(String(user))
  for (const id of [uid, gid]) {
    if (!Number.isInteger(id) || id < 0 || id > MAX_ID) {
      throw new InvalidInputError(
        `user is ${JSON.stringify(user)}: UID or UID:GID in numbers from 0 to ${MAX_ID} is wanted`,
        { field: 'user' },
      )
    }
  }
  return { uid, gid, groups: [] }
}

function parseUserText(text: string): { uid: number; gid: number } {
  const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(text)
  if (!match) return { uid: Number.NaN, gid: Number.NaN }
  return { uid: Number(match[1]), gid: Number(match[2] ?? match[1]) }
}

function parseRootfs(path: string): NonNullable<Settings['rootfs']> {
  const real = existing(path, 'rootfs')
  if (!statSync(real).isDirectory())
    throw new InvalidInputError(`rootfs is ${path}, which is no directory`, { field: 'rootfs' })
  const top = listEntries(real, '')
  const etc = top.some((entry) => entry.name === 'etc' && entry.kind === 'directory')
    ? listEntries(`${real}/etc`, 'etc/')
    : []
  return { path: real, entries: [...top.filter((entry) => entry.name !== 'etc'), ...etc] }
}

/** Entries of a directory; special files are left out, a sandbox has its own devices. */
function listEntries(directory: string, prefix: string): RootEntry[] {
  return readdirSync(directory).flatMap((name): RootEntry[] => {
    const stat = lstatSync(`${directory}/${name}`)
    if (stat.isSymbolicLink())
      return [{ name: prefix + name, kind: 'symlink', target: readlinkSync(`${directory}/${name}`) }]
    if (stat.isDirectory()) return [{ name: prefix + name, kind: 'directory' }]
    return stat.isFile() ? [{ name: prefix + name, kind: 'file' }] : []
  })
}

/** passwd and group of a root file system; never by way of a link out of it. */
function rootUsers(rootfs: string | undefined): { passwd?: string; group?: string } {
  if (rootfs === undefined) return {}
  const read = (name: string) => {
    const path = `${rootfs}/etc/${name}`
    return lstatSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path, 'utf8') : undefined
  }
  const [passwd, group] = [read('passwd'), read('group')]
  return { ...(passwd === undefined ? {} : { passwd }), ...(group === undefined ? {} : { group }) }
}

function existing(path: string, field: string): string {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new InvalidInputError(`${field} is ${JSON.stringify(path)}: a path is wanted`, { field })
  }
  try {
    return realpathSync(resolve(path))
  } catch (error) {
    throw new InvalidInputError(
      `${field} is ${path}, which cannot be opened: ${(error as NodeJS.ErrnoException).code}`,
      { field, cause: error },
    )
  }
}

function parseBind(bind: string | BindOption, field: string): BindSetting {
  const { source, target, readOnly } = typeof bind === 'string' ? parseBindText(bind, field) : bind
  const real = existing(source, `${field}.source`)
  const stat = statSync(real)
  if (!stat.isDirectory() && !stat.isFile() && !stat.isSocket()) {
    throw new InvalidInputError(`${field}.source is ${source}: a directory, a file or a socket is wanted`, {
      field: `${field}.source`,
    })
  }
  const inside = parseTarget(target ?? resolve(source), `${field}.target`)
  return {
    source: real,
    target: inside,
    readOnly: readOnly ?? false,
    directory: stat.isDirectory(),
    owner: { uid: stat.uid, gid: stat.gid },
  }
}

function parseBindText(text: string, field: string): BindOption {
  const [source = '', target, mode, ...more] = text.split(':')
  if (more.length > 0 || (mode !== undefined && mode !== 'ro' && mode !== 'rw')) {
    throw new InvalidInputError(`${field} is ${JSON.stringify(text)}: SOURCE[:TARGET[:ro]] is wanted`, { field })
  }
  return { source, ...(target ? { target } : {}), readOnly: mode === 'ro' }
}

function parseTarget(target: string, field: string): string {
  const clean =
    isAbsolute(target) &&
    !target.includes('\0') &&
    normalize(target).replace(/(.)\/$/, '$1') === target.replace(/(.)\/$/, '$1')
  const path = target.replace(/(.)\/$/, '$1')
  if (clean && path !== '/' && !/^\/(proc|sys)(\/|$)/.test(path)) return path
  throw new InvalidInputError(
    `${field} is ${JSON.stringify(target)}: an absolute path without "." and "..", not "/" and not below /proc or /sys, is wanted`,
    { field },
  )
}

function assertDistinct(binds: readonly BindSetting[]): void {
  binds.forEach((bind, index) => {
    if (binds.findIndex((other) => other.target === bind.target) !== index) {
      throw new InvalidInputError(`binds[${index}].target is ${bind.target} for the second time`, {
        field: `binds[${index}].target`,
      })
    }
  })
}

function parseEtc(etc: Readonly<Record<string, string | Uint8Array>>): Readonly<Record<string, string | Uint8Array>> {
  for (const name of Object.keys(etc)) {
    if (!/^[A-Za-z0-9_.-]+$/.test(name) || name === '.' || name === '..') {
      throw new InvalidInputError(
        `etc has the name ${JSON.stringify(name)}: the name of a file directly in /etc is wanted`,
        { field: `etc.${name}` },
      )
    }
  }
  return etc
}

function parseWorkdir(path: string): string {
  if (typeof path === 'string' && isAbsolute(path) && !path.includes('\0')) return path
  throw new InvalidInputError(`workdir is ${JSON.stringify(path)}: an absolute path is wanted`, { field: 'workdir' })
}

function parseSeccomp(seccomp: NonNullable<SandboxOptions['seccomp']>): SeccompProfile | null {
  if (seccomp === 'default') return DEFAULT_SECCOMP_PROFILE
  if (seccomp === 'unconfined') return null
  if (typeof seccomp === 'object') return seccomp
  throw new InvalidInputError(`seccomp is ${JSON.stringify(seccomp)}: 'default', 'unconfined' or a profile is wanted`, {
    field: 'seccomp',
  })
}

function parseRlimits(limits: NonNullable<SandboxOptions['rlimits']>): ResourceLimits {
  const defaults: ResourceLimits = { RLIMIT_CORE: { soft: 0, hard: 0 }, RLIMIT_NOFILE: { soft: 1024, hard: 4096 } }
  const given = Object.entries(limits).map(([name, value]) => {
    if (!Object.hasOwn(RLIMITS.values, name)) {
      throw new InvalidInputError(`rlimits has no ${name}${didYouMean(name, Object.keys(RLIMITS.values))}`, {
        field: `rlimits.${name}`,
      })
    }
    const pair = typeof value === 'number' ? { soft: value, hard: value } : value
    if (!(pair.soft >= 0 && pair.soft <= pair.hard && Number.isSafeInteger(pair.hard))) {
      throw new InvalidInputError(`rlimits.${name} wants whole numbers, the soft one not above the hard one`, {
        field: `rlimits.${name}`,
      })
    }
    return [name, pair]
  })
  return { ...defaults, ...(Object.fromEntries(given) as ResourceLimits) }
}

/** Nothing of the host's environment; the caller's names win. */
function environment(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(env)) {
    if (typeof value === 'string' && /^[^=\0]+$/.test(name) && !value.includes('\0')) continue
    throw new InvalidInputError(
      `env.${name} is ${JSON.stringify(value)}: a name without "=" and a text, both without NUL, are wanted`,
      {
        field: `env.${name}`,
      },
    )
  }
  return { PATH: DEFAULT_PATH, HOME, USER: 'user', LOGNAME: 'user', LANG: 'C.UTF-8', container: 'carrel', ...env }
}

/** With the host's network, its resolvers too; without one, none. */
function resolvConf(net: Settings['net']): string {
  if (net === 'none') return '# This sandbox has no network\n'
  try {
    return readFileSync('/etc/resolv.conf', 'utf8')
  } catch {
    return ''
  }
}
