import type { DeviceRule } from './device-rule.ts'

/** Block or character device. */
export type DeviceKind = 'b' | 'c'

/** Stands for every number. */
export const ANY = -1

/** Devices of one kind by number, where `ANY` is every number. */
export interface DevicePattern {
  readonly kind: DeviceKind
  readonly major: number
  readonly minor: number
}

/** A rule in full: where `DeviceRule` leaves something out, it is said here. */
export interface FullRule extends DevicePattern {
  readonly allow: boolean
  /** Letters, as `ACCESS` counts them */
  readonly access: number
  /** Place in the list that it comes from */
  readonly index: number
}

/** Letters of an access as the kernel counts them: BPF_DEVCG_ACC_* of linux/bpf.h, DEVCG_ACC_* of linux/device_cgroup.h. */
export const ACCESS = { m: 1, r: 2, w: 4 } as const
/** All letters */
export const ALL_ACCESS = 7

const LETTERS = ['r', 'w', 'm'] as const

/** The letters of `rw` as a number. */
export const accessOf = (letters: string): number =>
  LETTERS.reduce((sum, letter) => (letters.includes(letter) ? sum | ACCESS[letter] : sum), 0)

/** A number as letters, in the order that the kernel prints. */
export const lettersOf = (access: number): string => LETTERS.filter((letter) => access & ACCESS[letter]).join('')

const number = (value: number): string => (value === ANY ? '*' : String(value))

/** `c 1:3`, `b *:*`: as the files of cgroup v1 have it. */
export const printPattern = ({ kind, major, minor }: DevicePattern): string =>
  `${kind} ${number(major)}:${number(minor)}`

/** Whether every device of `inner` is one of `outer`. */
export const contains = (outer: DevicePattern, inner: DevicePattern): boolean =>
  outer.kind === inner.kind &&
  (outer.major === ANY || outer.major === inner.major) &&
  (outer.minor === ANY || outer.minor === inner.minor)

/** Rules in full, in their order; a rule for both kinds becomes two. */
export const fullRules = (rules: readonly DeviceRule[]): readonly FullRule[] =>
  rules.flatMap(({ allow, type = 'a', major = ANY, minor = ANY, access = 'rwm' }, index) =>
    (type === 'a' ? (['b', 'c'] as const) : [type]).map((kind) => ({
      allow,
      kind,
      major,
      minor,
      access: accessOf(access),
      index,
    })),
  )

/** The rule that decides about one letter for a device, or for those of a pattern that no narrower rule names. */
export const decidingRule = (rules: readonly FullRule[], device: DevicePattern, letter: number): FullRule | undefined =>
  rules.findLast((rule) => (rule.access & letter) !== 0 && contains(rule, device))

/** The letters that rules allow for a device: each letter by the last rule that names it; what no rule names is denied. */
export function allowedAccess(rules: readonly FullRule[], device: DevicePattern): number {
  return Object.values(ACCESS).reduce<number>(
    (sum, letter) => (decidingRule(rules, device, letter)?.allow ? sum | letter : sum),
    0,
  )
}
