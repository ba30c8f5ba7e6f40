const UNITS = ['B', 'K', 'M', 'G', 'T', 'P'] as const

/** Bytes for people, in the units that `--memory` takes: `0B`, `976B`, `1.5K`, `512M`, `1.0G`; at most five characters. */
export function showBytes(bytes: number): string {
  let value = Math.max(0, bytes)
  let unit = 0
  // What would be rounded to 1024 is one of the next unit.
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0
  return `${value.toFixed(digits)}${UNITS[unit]}`
}

/** Per cent of one: `0.0`, `9.9`, `99.8`, `400`. */
export const showPercent = (percent: number): string => percent.toFixed(percent < 99.95 ? 1 : 0)

const AGES = [
  [86_400, 'd', 3600, 'h'],
  [3600, 'h', 60, 'm'],
  [60, 'm', 1, 's'],
] as const

/** A time for people, to two units: `5s`, `2m 5s`, `3h 0m`, `12d 4h`. */
export function showAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  for (const [size, unit, below, small] of AGES) {
    if (seconds >= size) return `${Math.floor(seconds / size)}${unit} ${Math.floor((seconds % size) / below)}${small}`
  }
  return `${seconds}s`
}

// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g

/** Names and command lines come from others: what would move the cursor or turn the line around must not reach the terminal. */
export const printable = (text: string): string => text.replace(CONTROL, '?')
