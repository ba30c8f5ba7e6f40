import type { BaseSpec, OwnFile } from '../features/root/base-steps.ts'
import { NAMES, OWN_PLACES, type OwnPlace } from '../features/root/own-steps.ts'
import { EMPTY } from '../features/root/proc.ts'
import type { HostFacts, RootEntry } from '../host/facts.ts'
import type { Settings } from './settings.ts'

/** Home of the sandbox's user. */
export const HOME = '/home/user'

/** Directories of a root file system that are the sandbox's own instead: kernel file systems, and what commands write to. */
const REPLACED = new Set(['dev', 'proc', 'tmp', 'run', 'home', 'lost+found', EMPTY])

/** Files of /etc that hold the sandbox's name. */
const NAME_FILES = ['hostname', 'hosts'] as const

/** What the root of a sandbox consists of before anything is the sandbox's own. */
export function baseSpec(settings: Settings, facts: HostFacts): BaseSpec {
  const all = settings.rootfs ? settings.rootfs.entries : [...facts.rootEntries, ...facts.etcEntries.map(inEtc)]
  return {
    entries: all.filter((entry) => !isReplaced(entry, settings)),
    places: ['proc', 'dev/pts', EMPTY, ...ownPlaces(settings).map(({ target }) => target)],
    files: Object.entries(ownEtc(settings.etc)).map(([name, content]) => ({ path: `etc/${name}`, content })),
    links: Object.fromEntries(NAME_FILES.map((name) => [`etc/${name}`, `../${NAMES}/${name}`])),
  }
}

/** Places of the sandbox's own file system; not below a directory that comes whole from a root file system. */
export function ownPlaces(settings: Settings): readonly OwnPlace[] {
  const hasVar = settings.rootfs?.entries.some((entry) => entry.name === 'var') ?? false
  return OWN_PLACES.filter(({ target }) => !(hasVar && target.startsWith('var/')))
}

const inEtc = (entry: RootEntry): RootEntry => ({ ...entry, name: `etc/${entry.name}` })

/** `etc` itself is listed by its entries, so that single files of it can be the sandbox's own. */
function isReplaced(entry: RootEntry, settings: Settings): boolean {
  const [first = '', second] = entry.name.split('/')
  return REPLACED.has(first) || (first === 'etc' && second !== undefined && Object.hasOwn(settings.etc, second))
}

/** The files of /etc that hold the sandbox's name, where they really live. */
export const nameFiles = (settings: Settings): OwnFile[] =>
  NAME_FILES.map((name) => ({ path: `${NAMES}/${name}`, content: settings.etc[name] ?? '' }))

/** The files of /etc whose content is the same for sandboxes that are alike. */
export const ownEtc = (etc: Settings['etc']): Settings['etc'] =>
  Object.fromEntries(Object.entries(etc).filter(([name]) => !(NAME_FILES as readonly string[]).includes(name)))

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

const hasId = (table: string, id: number): boolean =>
  table.split('\n').some((line) => line.split(':')[2] === String(id))

const endLine = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`)
