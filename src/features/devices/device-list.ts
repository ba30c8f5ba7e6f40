import { UnsupportedError } from '../../base/errors.ts'
import {
  ALL_ACCESS,
  ANY,
  allowedAccess,
  contains,
  decidingRule,
  type DevicePattern,
  type FullRule,
  fullRules,
  lettersOf,
  printPattern,
} from './device-pattern.ts'
import { patternsOf, widerThan } from './distinct-patterns.ts'
import type { DeviceRule } from './device-rule.ts'

/** An entry of a list of cgroup v1: what is different from the list's default. */
export interface DeviceException extends DevicePattern {
  readonly access: number
}

/** What cgroup v1 keeps of a group: one default for everything, and exceptions from it (security/device_cgroup.c). */
export interface DeviceList {
  readonly otherwise: 'allow' | 'deny'
  readonly exceptions: readonly DeviceException[]
}

interface Conflict {
  readonly outer: DevicePattern
  readonly inner: DevicePattern
  readonly access: number
}

function exceptionsOf(
  patterns: ReadonlyMap<string, DevicePattern>,
  named: (pattern: DevicePattern) => number,
): readonly DeviceException[] | Conflict {
  const exceptions: DeviceException[] = []
  for (const inner of patterns.values()) {
    const access = named(inner)
    let needed = access !== 0
    for (const outer of widerThan(inner)) {
      if (!patterns.has(printPattern(outer))) continue
      const outside = named(outer)
      if (outside & ~access) return { outer, inner, access: outside & ~access }
      if (outside === access) needed = false
    }
    if (needed) exceptions.push({ ...inner, access })
  }
  return exceptions
}

function listWith(rules: readonly FullRule[], otherwise: DeviceList['otherwise']): DeviceList | Conflict {
  const exceptions: DeviceException[] = []
  for (const kind of ['b', 'c'] as const) {
    const found = exceptionsOf(patternsOf(rules, kind), (pattern) => {
      const allowed = allowedAccess(rules, pattern)
      return otherwise === 'deny' ? allowed : ALL_ACCESS & ~allowed
    })
    if ('outer' in found) return found
    exceptions.push(...found)
  }
  return { otherwise, exceptions }
}

function refuse(rules: readonly FullRule[], { outer, inner, access }: Conflict, list: string): never {
  const letter = access & -access
  const at = (pattern: DevicePattern) => `${list}[${decidingRule(rules, pattern, letter)?.index ?? 0}]`
  throw new UnsupportedError(
    `${at(inner)} takes ${lettersOf(access)} of ${printPattern(inner)} out of ${printPattern(outer)} in ${at(outer)}, beside rules ` +
      'that do the opposite, which cgroup v1 has no list for',
    {
      fact: 'cgroup v1 device list',
      remedy: 'name what is allowed by rules that do not overlap with denied ones, or use a host with cgroup v2',
    },
  )
}

/**
 * What cgroup v1 has to keep so that exactly the rules hold. No rules at all: everything is allowed. v1 allows an access when one
 * exception has all its letters, so that an exception carries the letters of the wider ones too.
 * @param prefer the default to take when both can say it; otherwise the one that devices have which no rule names
 * @throws UnsupportedError naming the rules that no list with one default can express
 */
export function deviceListV1(
  rules: readonly DeviceRule[],
  prefer?: DeviceList['otherwise'],
  field = 'devices',
): DeviceList {
  const full = fullRules(rules.length === 0 ? [{ allow: true }] : rules)
  const open = (['b', 'c'] as const).every(
    (kind) => allowedAccess(full, { kind, major: ANY, minor: ANY }) === ALL_ACCESS,
  )
  const first = prefer ?? (open ? 'allow' : 'deny')
  const list = listWith(full, first)
  if ('otherwise' in list) return list
  const other = listWith(full, first === 'deny' ? 'allow' : 'deny')
  if ('otherwise' in other) return other
  return refuse(full, list, field)
}

/** Whether an exception of a list has all that `exception` has. */
export const covers = (list: readonly DeviceException[], exception: DeviceException): boolean =>
  list.some((each) => contains(each, exception) && (exception.access & ~each.access) === 0)
