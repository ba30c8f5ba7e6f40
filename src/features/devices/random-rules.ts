import type { DeviceRule } from './device-rule.ts'
import type { DeviceUse } from './simulate-device-program.ts'

/** Numbers from 0 to `below` - 1, always the same for a seed (a linear congruential generator, Numerical Recipes). */
export function numbersFrom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Few numbers, so that rules meet each other. */
const NUMBERS = 4

function ruleFrom(next: (below: number) => number): DeviceRule {
  const type = (['a', 'b', 'c', 'c', 'c', 'b'] as const)[next(6)] ?? 'a'
  const number = () => (next(3) === 0 ? -1 : next(NUMBERS))
  const access = ['r', 'w', 'm', 'rw', 'rm', 'wm', 'rwm', 'rwm'][next(8)] ?? 'rwm'
  const allow = next(2) === 0
  return type === 'a' ? { allow, type, access } : { allow, type, access, major: number(), minor: number() }
}

/** Up to eight rules. */
export const rulesFrom = (next: (below: number) => number): readonly DeviceRule[] =>
  Array.from({ length: next(9) }, () => ruleFrom(next))

/** Every use of the devices that random rules are about, and of one that none of them names. */
export const USES: readonly DeviceUse[] = (['b', 'c'] as const).flatMap((kind) =>
  [0, 1, 2, 3, 77].flatMap((major) =>
    [0, 1, 2, 3, 77].flatMap((minor) => ['m', 'r', 'w', 'rw'].map((access) => ({ kind, major, minor, access }))),
  ),
)
