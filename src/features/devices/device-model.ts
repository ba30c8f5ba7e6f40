import type { DeviceWrite } from './device-lines.ts'
import { ALL_ACCESS, ANY, accessOf, type DevicePattern, fullRules, type FullRule, lettersOf } from './device-pattern.ts'
import type { DeviceRule } from './device-rule.ts'
import type { DeviceUse } from './simulate-device-program.ts'

const matches = (pattern: DevicePattern, use: DeviceUse): boolean =>
  pattern.kind === use.kind &&
  (pattern.major === ANY || pattern.major === use.major) &&
  (pattern.minor === ANY || pattern.minor === use.minor)

/**
 * What rules mean, in the plainest words: for each letter the last rule that names it for the device says yes or no; without rules
 * everything is allowed. The compiled forms are held against it.
 */
export function mayUse(rules: readonly DeviceRule[], use: DeviceUse): boolean {
  const full = fullRules(rules)
  const verdict = (letter: string): boolean => {
    const last = full.findLast((rule) => lettersOf(rule.access).includes(letter) && matches(rule, use))
    return last === undefined ? rules.length === 0 : last.allow
  }
  return use.access.split('').every(verdict)
}

type Entry = Omit<FullRule, 'allow' | 'index'>

/** The list that the kernel keeps of a group in cgroup v1: what its writes do and what it allows (security/device_cgroup.c). */
export class DeviceListModel {
  #otherwise: 'allow' | 'deny' = 'allow'
  #exceptions: Entry[] = []

  write({ file, value }: DeviceWrite): void {
    const verb = file === 'devices.allow' ? 'allow' : 'deny'
    if (value === 'a') {
      this.#otherwise = verb
      this.#exceptions = []
      return
    }
    const [kind, numbers = '', letters = ''] = value.split(' ')
    const [major = ANY, minor = ANY] = numbers.split(':').map((text) => (text === '*' ? ANY : Number(text)))
    const entry = { kind: kind === 'b' ? 'b' : 'c', major, minor, access: accessOf(letters) } as const
    this.#set(entry, verb === this.#otherwise ? 0 : ALL_ACCESS)
  }

  /** Adds an entry's letters to the one with the same numbers, or takes them off it. */
  #set(entry: Entry, add: number): void {
    const { kind, major, minor } = entry
    const same = (each: Entry) => each.kind === kind && each.major === major && each.minor === minor
    const known = this.#exceptions.find(same)?.access ?? 0
    const access = (known & ~entry.access) | (entry.access & add)
    this.#exceptions = this.#exceptions.filter((each) => !same(each))
    if (access !== 0) this.#exceptions.push({ ...entry, access })
  }

  /** An allow-list wants one entry with all letters; a deny-list denies by any letter of any entry. */
  allows(use: DeviceUse): boolean {
    const wanted = accessOf(use.access)
    const found = this.#exceptions.filter((each) => matches(each, use))
    if (this.#otherwise === 'deny') return found.some((each) => (wanted & ~each.access) === 0)
    return !found.some((each) => (wanted & each.access) !== 0)
  }
}
