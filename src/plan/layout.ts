import type { OwnDirectory, OwnFile, RootSpec } from '../features/root/root-steps.ts'
import type { HostFacts, RootEntry } from '../host/facts.ts'
import type { Settings } from './settings.ts'

/** Home of the sandbox's user. */
export const HOME = '/home/user'

const DIRECTORIES: readonly OwnDirectory[] = [
  { path: 'tmp', mode: 0o1777 },
  { path: 'var/tmp', mode: 0o1777 },
  { path: 'run', mode: 0o755 },
  { path: 'home/user', mode: 0o700, users: true },
  { path: 'dev/shm', mode: 0o1777 },
]

/** Directories of a root file system that are the sandbox's own instead: kernel file systems, and what commands write to. */
const REPLACED = new Set(['dev', 'proc', 'sys', 'tmp', 'run', 'home', 'lost+found'])

/** What the root of a sandbox consists of. */
export function rootSpec(settings: Settings, facts: HostFacts): RootSpec {
  const own = { directories: directories(settings), files: files(settings), sizeBytes: settings.tmpBytes }
  if (!settings.rootfs) return { entries: [...facts.rootEntries, ...facts.etcEntries.map(inEtc)], source: 'host', ...own }
  return { entries: settings.rootfs.entries.filter((entry) => !isReplaced(entry, settings)), source: 'rootfs', ...own }
}

const inEtc = (entry: RootEntry): RootEntry => ({ ...entry, name: `etc/${entry.name}` })

/** `etc` itself is listed by its entries, so that single files of it can be the sandbox's own. */
function isReplaced(entry: RootEntry, settings: Settings): boolean {
  const [first, second] = entry.name.split('/')
  return REPLACED.has(first ?? '') || (first === 'etc' && second !== undefined && Object.hasOwn(settings.etc, second))
}

function directories(settings: Settings): OwnDirectory[] {
  const var_ = settings.rootfs?.entries.some((entry) => entry.name === 'var')
  const shown = new Set((settings.rootfs?.entries ?? []).map((entry) => entry.name))
  return DIRECTORIES.filter((directory) => !(var_ && directory.path.startsWith('var/')) && !shown.has(directory.path))
}

function files(settings: Settings): OwnFile[] {
  return etcFiles(settings, (name) => !NAME_FILES.has(name))
}

/** Files of /etc that hold the sandbox's name. */
const NAME_FILES = new Set(['hostname', 'hosts'])

export const nameFiles = (settings: Settings): OwnFile[] => etcFiles(settings, (name) => NAME_FILES.has(name))

/** The files of /etc whose content is the same for sandboxes that are alike. */
export const ownEtc = (etc: Settings['etc']): [string, string | Uint8Array][] =>
  Object.entries(etc).filter(([name]) => !NAME_FILES.has(name))

function etcFiles(settings: Settings, wanted: (name: string) => boolean): OwnFile[] {
  return Object.entries(settings.etc).flatMap(([name, content]) => (wanted(name) ? [{ path: `etc/${name}`, content }] : []))
}

/** The files of /etc that say who is who and what this host is called. */
export function generatedEtc(settings: {
  readonly hostname: string
  readonly user: { readonly uid: number; readonly gid: number }
  readonly resolv: string
  /** passwd and group of a root file system, which the sandbox's user is added to */
  readonly passwd?: string
  readonly group?: string
}): Record<string, string> {
  const { hostname, user } = settings
  return {
    passwd: withUser(settings.passwd, user),
    group: withGroup(settings.group, user),
    hostname: `${hostname}\n`,
    hosts: `127.0.0.1\tlocalhost ${hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n`,
    'resolv.conf': settings.resolv,
  }
}

const SYSTEM_PASSWD = 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n'
const SYSTEM_GROUP = 'root:x:0:\ntty:x:5:\nnogroup:x:65534:\n'

/** Adds a line for the sandbox's user unless its id has one. */
function withUser(passwd: string = SYSTEM_PASSWD, user: { uid: number; gid: number }): string {
  if (hasId(passwd, user.uid)) return passwd
  return `${endLine(passwd)}user:x:${user.uid}:${user.gid}:user:${HOME}:/bin/sh\n`
}

function withGroup(group: string = SYSTEM_GROUP, user: { gid: number }): string {
  return hasId(group, user.gid) ? group : `${endLine(group)}user:x:${user.gid}:\n`
}

const hasId = (table: string, id: number): boolean => table.split('\n').some((line) => line.split(':')[2] === String(id))

const endLine = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`)
