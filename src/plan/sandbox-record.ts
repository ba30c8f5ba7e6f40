import { InvalidInputError } from '../base/errors.ts'
import type { GroupPlace } from '../features/cgroups/group-place.ts'
import { formatGroupName, type GroupOwner } from '../features/cgroups/owner.ts'
import type { Resources } from '../features/cgroups/resources.ts'
import type { Net } from '../features/namespaces/namespaces.ts'
import type { Controller } from '../host/facts.ts'

/** What is known of a live sandbox outside of the process that made it: enough to find, measure, control and remove it. */
export interface SandboxRecord {
  readonly version: 1
  /** Unique on this host; the file is `ID.json` */
  readonly id: string
  /** What its user calls it */
  readonly name?: string
  /** Whose sandbox it is */
  readonly owner: GroupOwner
  /** ISO 8601, UTC */
  readonly created: string
  /** Its groups */
  readonly places: readonly GroupPlace[]
  /** Directories above its groups that were made on the way and that others may use too: removed when they are empty, deepest first */
  readonly shared?: readonly string[]
  /** What was asked for */
  readonly resources: Resources
  /** Command line that it was made for, where it is made for one */
  readonly init?: readonly string[]
  readonly net: Net
  readonly user: { readonly uid: number; readonly gid: number }
  /** Directory with its root file system; null: the host's system directories */
  readonly rootfs: string | null
}

/** A record as it stands in its file: `pid` follows in a write of its own, when the first process is there. */
export interface WrittenRecord {
  readonly record: SandboxRecord
  /** First process, by its number in the owner's pid namespace; undefined while it is being made */
  readonly pid?: number
}

/** Longest file that is read, in bytes; what a sandbox writes is below 2 KiB */
export const RECORD_BYTES = 64 * 1024

const MOST_PLACES = 64
const MOST_WORDS = 1024
/** Every controller there is; the type makes the list complete. */
const CONTROLLERS: Readonly<Record<Controller, true>> = {
  memory: true,
  pids: true,
  cpu: true,
  cpuacct: true,
  cpuset: true,
  io: true,
  hugetlb: true,
  rdma: true,
  misc: true,
  devices: true,
  freezer: true,
  net_cls: true,
  net_prio: true,
  perf_event: true,
}

/** The line that a record is in its file. */
export const recordLine = (record: SandboxRecord): string => `${JSON.stringify(record)}\n`

/** Whether text can be the id of a sandbox: it is a file name, a part of group names, and printed. */
export const isRecordId = (id: unknown): id is string =>
  typeof id === 'string' && /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/.test(id)

/**
 * A record from the text of its file, which may be anybody's: every value is checked, unknown keys are dropped.
 * @throws InvalidInputError naming the key; `record` for text that is half written or no record at all
 */
export function parseRecord(text: string): WrittenRecord {
  if (text.length > RECORD_BYTES) throw refuse('record', `is longer than ${RECORD_BYTES} bytes`)
  const end = text.indexOf('\n')
  if (end < 0) throw refuse('record', 'has no whole line: it is being written, or is no record')
  const record = recordOf(text.slice(0, end))
  const rest = text.slice(end + 1)
  if (rest === '') return { record }
  const digits = /^([1-9]\d{0,6})\n$/.exec(rest)?.[1]
  if (digits === undefined) throw refuse('pid', 'is no process id')
  return { record, pid: Number(digits) }
}

function recordOf(line: string): SandboxRecord {
  const from = objectOf(parsed(line), 'record')
  if (from['version'] !== 1) throw refuse('version', 'is not 1: another version of carrel made this sandbox')
  const { id, name, owner, created, places, shared, resources, init, net, user, rootfs } = from
  if (!isRecordId(id)) throw refuse('id', 'is no id of a sandbox')
  if (net !== 'none' && net !== 'host') throw refuse('net', 'is neither "none" nor "host"')
  const madeBy = ownerOf(objectOf(owner, 'owner'))
  const groups = listOf(places, 'places', MOST_PLACES).map((place, i) => placeOf(place, i, formatGroupName(id, madeBy)))
  return {
    version: 1,
    id,
    ...(name === undefined ? {} : { name: textOf(name, 'name', 256) }),
    owner: madeBy,
    created: timeOf(created),
    places: groups,
    ...(shared === undefined
      ? {}
      : { shared: listOf(shared, 'shared', MOST_PLACES).map((each, i) => sharedOf(each, i, groups)) }),
    // Shown as it is and never carried out, so that being an object of bounded length is all that is asked of it.
    resources: objectOf(resources, 'resources') as Resources,
    ...(init === undefined ? {} : { init: listOf(init, 'init', MOST_WORDS).map((word) => wordOf(word)) }),
    net,
    user: userOf(objectOf(user, 'user')),
    rootfs: rootfs === null ? null : pathOf(rootfs, 'rootfs'),
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw refuse('record', 'is no JSON')
  }
}

function ownerOf({ pid, start, pidns }: Readonly<Record<string, unknown>>): GroupOwner {
  return {
    pid: numberOf(pid, 'owner.pid', 1, 2 ** 22),
    start: numberOf(start, 'owner.start', 0, Number.MAX_SAFE_INTEGER),
    pidns: numberOf(pidns, 'owner.pidns', 1, 2 ** 32 - 1),
  }
}

function userOf({ uid, gid }: Readonly<Record<string, unknown>>): SandboxRecord['user'] {
  return { uid: numberOf(uid, 'user.uid', 0, 2 ** 32 - 1), gid: numberOf(gid, 'user.gid', 0, 2 ** 32 - 1) }
}

/** What is killed, frozen and removed by a record is a group that bears the names of its sandbox and its owner, and no other. */
function placeOf(value: unknown, index: number, group: string): GroupPlace {
  const field = `places[${index}]`
  const { directory, version, controllers } = objectOf(value, field)
  if (version !== 1 && version !== 2) throw refuse(`${field}.version`, 'is neither 1 nor 2')
  const names = listOf(controllers, `${field}.controllers`, Object.keys(CONTROLLERS).length)
  if (!names.every((name) => typeof name === 'string' && Object.hasOwn(CONTROLLERS, name)))
    throw refuse(`${field}.controllers`, 'names one that does not exist')
  const path = pathOf(directory, `${field}.directory`)
  if (!path.endsWith(`/${group}`)) throw refuse(`${field}.directory`, 'is no group of this sandbox and owner')
  return {
    directory: path,
    version,
    controllers: names as readonly Controller[],
  }
}

function sharedOf(value: unknown, index: number, places: readonly GroupPlace[]): string {
  const field = `shared[${index}]`
  const path = pathOf(value, field)
  if (places.some(({ directory }) => directory.startsWith(`${path}/`))) return path
  throw refuse(field, 'has no group of this sandbox below it')
}

function timeOf(value: unknown): string {
  const text = textOf(value, 'created', 30)
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text) || Number.isNaN(Date.parse(text)))
    throw refuse('created', 'is no time in ISO 8601 and UTC')
  return text
}

/** An absolute path without detours. */
function pathOf(value: unknown, field: string): string {
  const path = textOf(value, field, 4096)
  const names = path.split('/').slice(1)
  if (path.startsWith('/') && !names.some((name, i) => name === '.' || name === '..' || (name === '' && i > 0)))
    return path
  throw refuse(field, 'is no absolute path without "." and ".."')
}

// oxlint-disable-next-line no-control-regex -- what would move the cursor or split a line is what this is about
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

function textOf(value: unknown, field: string, longest: number): string {
  if (typeof value === 'string' && value !== '' && value.length <= longest && !CONTROL.test(value)) return value
  throw refuse(field, `must be text of 1 to ${longest} characters without control characters`)
}

function wordOf(value: unknown): string {
  if (typeof value === 'string') return value
  throw refuse('init', 'must be a list of text')
}

function numberOf(value: unknown, field: string, least: number, most: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return value
  throw refuse(field, `must be a whole number from ${least} to ${most}`)
}

function listOf(value: unknown, field: string, most: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= most) return value
  throw refuse(field, `must be a list of at most ${most}`)
}

function objectOf(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>
  throw refuse(field, 'must be an object')
}

const refuse = (field: string, rule: string): InvalidInputError =>
  new InvalidInputError(`Record of a sandbox cannot be used: ${field === 'record' ? 'it' : field} ${rule}`, { field })
