import { InvalidInputError } from '../../base/errors.ts'
import { ANY, accessOf, type DevicePattern, lettersOf, printPattern } from './device-pattern.ts'
import { covers, type DeviceException, type DeviceList, deviceListV1 } from './device-list.ts'
import type { DeviceRule } from './device-rule.ts'

/** One write to a file of a group in the devices hierarchy of cgroup v1; the kernel takes one rule at a time. */
export interface DeviceWrite {
  readonly file: 'devices.allow' | 'devices.deny'
  /** `c 1:3 rwm`, `a` */
  readonly value: string
}

/** How a live group of cgroup v1 goes from one set of rules to another. */
export interface DeviceUpdate {
  readonly writes: readonly DeviceWrite[]
  /** Between the writes the group may use more than before and after: it must be frozen while they are made */
  readonly opens: boolean
  /** The default changes, which the kernel refuses (EINVAL) while the group has groups below it */
  readonly changesDefault: boolean
}

const FILE = { allow: 'devices.allow', deny: 'devices.deny' } as const

const line = (file: 'allow' | 'deny', exception: DeviceException): DeviceWrite => ({
  file: FILE[file],
  value: `${printPattern(exception)} ${lettersOf(exception.access)}`,
})

const opposite = (otherwise: 'allow' | 'deny') => (otherwise === 'allow' ? 'deny' : 'allow')

/** `a` replaces all that the group has: the default and its exceptions. */
const listWrites = ({ otherwise, exceptions }: DeviceList): readonly DeviceWrite[] => [
  { file: FILE[otherwise], value: 'a' },
  ...exceptions.map((exception) => line(opposite(otherwise), exception)),
]

/**
 * The writes that give a group of cgroup v1 exactly these rules, whatever it had before; the group must be empty, or use `deviceUpdateV1`.
 * Preconditions: the rules are checked. Needs CAP_SYS_ADMIN; the kernel answers EPERM for what the group above may not do.
 * @throws UnsupportedError naming rules that no list of cgroup v1 can express
 */
export const deviceLinesV1 = (rules: readonly DeviceRule[], field = 'devices'): readonly DeviceWrite[] =>
  listWrites(deviceListV1(rules, undefined, field))

/** What `these` have and `those` lack, letter by letter, under the same pattern: entries with equal patterns are one to the kernel. */
function without(these: readonly DeviceException[], those: readonly DeviceException[]): readonly DeviceException[] {
  const same = (a: DevicePattern, b: DevicePattern) => a.kind === b.kind && a.major === b.major && a.minor === b.minor
  return these.flatMap((exception) => {
    const access = exception.access & ~(those.find((each) => same(each, exception))?.access ?? 0)
    return access === 0 ? [] : [{ ...exception, access }]
  })
}

/**
 * From one allow-list to another: what the old one covers already is named first, then goes what the new one lacks, then comes what is
 * new, and last goes what it covers; so that nothing is allowed that neither list allows, and little is denied that both allow.
 */
function allowListWrites(
  before: readonly DeviceException[],
  after: readonly DeviceException[],
): readonly DeviceWrite[] {
  const added = without(after, before)
  const removed = without(before, after)
  const known = (exception: DeviceException) => covers(before, exception)
  const kept = (exception: DeviceException) => covers(after, exception)
  return [
    ...added.filter(known).map((exception) => line('allow', exception)),
    ...removed.filter((exception) => !kept(exception)).map((exception) => line('deny', exception)),
    ...added.filter((exception) => !known(exception)).map((exception) => line('allow', exception)),
    ...removed.filter(kept).map((exception) => line('deny', exception)),
  ]
}

/** From one deny-list to another: new entries first, so that the moment between has the entries of both. */
const denyListWrites = (
  before: readonly DeviceException[],
  after: readonly DeviceException[],
): readonly DeviceWrite[] => [
  ...without(after, before).map((exception) => line('deny', exception)),
  ...without(before, after).map((exception) => line('allow', exception)),
]

/**
 * The writes that move a live group of cgroup v1 to these rules.
 * @param before what it has now: of `deviceListV1` or `readDeviceList`; undefined when that is not known
 * @throws UnsupportedError naming rules that no list of cgroup v1 can express
 */
export function deviceUpdateV1(
  before: DeviceList | undefined,
  rules: readonly DeviceRule[],
  field = 'devices',
): DeviceUpdate {
  const after = deviceListV1(rules, before?.otherwise, field)
  if (before === undefined || before.otherwise !== after.otherwise) {
    return { writes: listWrites(after), opens: after.otherwise === 'allow', changesDefault: true }
  }
  const writes = after.otherwise === 'deny' ? allowListWrites : denyListWrites
  return { writes: writes(before.exceptions, after.exceptions), opens: false, changesDefault: false }
}

const number = (text: string): number => (text === '*' ? ANY : Number(text))

/**
 * Reads `devices.list`. A group that allows by default shows `a *:* rwm` alone, so that its exceptions cannot be known: undefined.
 * @throws InvalidInputError for a line that the kernel does not write
 */
export function readDeviceList(text: string): DeviceList | undefined {
  const exceptions: DeviceException[] = []
  for (const each of text.split('\n').filter((found) => found !== '')) {
    const match = /^([abc]) (\*|\d+):(\*|\d+) ([rwm]+)$/.exec(each)
    const [, kind, major = '', minor = '', letters = ''] = match ?? []
    if (kind === 'a') return undefined
    if (kind !== 'b' && kind !== 'c') {
      throw new InvalidInputError(`devices.list has the line ${JSON.stringify(each)}: "c 1:3 rwm" is wanted`, {
        field: 'devices.list',
      })
    }
    exceptions.push({ kind, major: number(major), minor: number(minor), access: accessOf(letters) })
  }
  return { otherwise: 'deny', exceptions }
}
