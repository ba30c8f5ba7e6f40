import { BusError } from './bus-error.ts'

/** Types of one letter, each with its alignment, as the D-Bus specification has them ("Type System"). */
export const ALIGNMENT: Readonly<Record<string, number>> = {
  ...{ y: 1, b: 4, n: 2, q: 2, i: 4, u: 4, x: 8, t: 8, d: 8, h: 4 },
  ...{ s: 4, o: 4, g: 1, v: 1, a: 4, '(': 8, '{': 8 },
}

/** The specification allows 32 arrays and 32 structs inside each other; what systemd sends has four at most. */
const DEEPEST = 32

const CLOSES: Readonly<Record<string, string>> = { '(': ')', '{': '}' }

/** The complete types of a signature: `sa(sv)u` -> `s`, `a(sv)`, `u`. @throws BusError for what is none */
export function typesOf(signature: string): readonly string[] {
  const types: string[] = []
  for (let at = 0; at < signature.length;) {
    const end = endOf(signature, at, 0)
    types.push(signature.slice(at, end))
    at = end
  }
  return types
}

/** Where the complete type that begins at `at` ends. */
function endOf(signature: string, at: number, depth: number): number {
  const letter = signature[at] ?? ''
  if (depth > DEEPEST || ALIGNMENT[letter] === undefined) throw malformed(signature)
  if (letter === 'a') return endOf(signature, at + 1, depth + 1)
  const close = CLOSES[letter]
  if (close === undefined) return at + 1
  let next = at + 1
  while (signature[next] !== close) next = endOf(signature, next, depth + 1)
  if (next === at + 1) throw malformed(signature)
  return next + 1
}

const malformed = (signature: string): BusError =>
  new BusError('Malformed', `the signature ${JSON.stringify(signature)} is none of D-Bus`)
