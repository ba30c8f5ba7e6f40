/** The candidate that is spelt most like `name`, for error messages; undefined when nothing is close. */
export const nearest = (name: unknown, candidates: Iterable<string>): string | undefined =>
  nearestNames(name, candidates, 0)[0]

/** Most names that a message offers. */
const MOST = 3

/**
 * The candidates that are spelt most like `name`, best first, at most three; none when nothing is close.
 * `slack` is by how many slips more than the best the others may differ.
 */
export function nearestNames(name: unknown, candidates: Iterable<string>, slack = 1): readonly string[] {
  const wanted = String(name).toLowerCase()
  const limit = Math.max(2, Math.floor(wanted.length / 3)) + 1
  const close: { readonly candidate: string; readonly distance: number }[] = []
  for (const candidate of new Set(candidates)) {
    const distance = distanceTo(wanted, candidate, limit)
    if (distance < limit) close.push({ candidate, distance })
  }
  close.sort((a, b) => a.distance - b.distance)
  const best = close[0]?.distance ?? 0
  const names = close.filter(({ distance }) => distance <= best + slack).map(({ candidate }) => candidate)
  return names.slice(0, MOST)
}

/** The end of a message about an unknown name: `: did you mean X?`, with all names that are equally close, or nothing. */
export function didYouMean(name: unknown, candidates: Iterable<string>, slack = 0): string {
  const names = nearestNames(name, candidates, slack)
  const last = names.at(-1)
  if (last === undefined) return ''
  const before = names.slice(0, -1).join(', ')
  return `: did you mean ${before && `${before} or `}${last}?`
}

/** Kernel names are often said without their family: `NEWNS` for `CLONE_NEWNS`, `TERM` for `SIGTERM`. */
const FAMILY = /^(?:[A-Z]+\d?_|SIG)(?=[A-Z])/

function distanceTo(wanted: string, candidate: string, limit: number): number {
  const whole = editDistance(wanted, candidate.toLowerCase(), limit)
  const family = FAMILY.exec(candidate)?.[0].length ?? 0
  if (family === 0) return whole
  return Math.min(whole, editDistance(wanted, candidate.slice(family).toLowerCase(), limit) + 1)
}

function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(swap, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
