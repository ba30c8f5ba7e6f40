import { ANY, type DeviceKind, type DevicePattern, type FullRule, printPattern } from './device-pattern.ts'

/**
 * All patterns that can differ from each other: those of the rules, everything, and where `1:*` meets `*:3`. The rules say the same
 * for all devices whose narrowest pattern is the same.
 */
export function patternsOf(rules: readonly FullRule[], kind: DeviceKind): ReadonlyMap<string, DevicePattern> {
  const found = new Map<string, DevicePattern>()
  const add = (major: number, minor: number) => {
    const pattern = { kind, major, minor }
    found.set(printPattern(pattern), pattern)
  }
  const ours = rules.filter((rule) => rule.kind === kind)
  add(ANY, ANY)
  for (const { major, minor } of ours) add(major, minor)
  for (const { major } of ours.filter((rule) => rule.minor === ANY && rule.major !== ANY)) {
    for (const { minor } of ours.filter((rule) => rule.major === ANY && rule.minor !== ANY)) add(major, minor)
  }
  return found
}

/** The wider patterns that hold a pattern: at most three. */
export const widerThan = ({ kind, major, minor }: DevicePattern): readonly DevicePattern[] =>
  [
    { kind, major: ANY, minor: ANY },
    { kind, major, minor: ANY },
    { kind, major: ANY, minor },
  ].filter((wider) => wider.major !== major || wider.minor !== minor)
