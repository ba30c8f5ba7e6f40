/** A document with one place changed. */
export interface Mutation {
  readonly pointer: string
  readonly document: object
}

/** What each place is replaced by: every type, and values at and beyond the ends of ranges. */
const VALUES: readonly unknown[] = [
  null,
  true,
  'text',
  '',
  '/x\ny',
  'rslave',
  -1,
  0,
  1.5,
  8_630,
  65_536,
  4_294_967_295,
  4_294_967_296,
  1e19,
  [],
  [null],
  ['x', 1],
  {},
  { a: 1 },
]
/** In place of a value that is not there. */
const GONE = Symbol('gone')

/** Every document with one place taken away or replaced; places with the same name in all documents count once. */
export function* mutations(documents: readonly object[]): Generator<Mutation> {
  const seen = new Set<string>()
  for (const document of documents) {
    for (const path of pathsOf(document)) {
      const shape = path.map((key) => (typeof key === 'number' ? '*' : key)).join('/')
      if (seen.has(shape)) continue
      seen.add(shape)
      for (const value of [GONE, ...VALUES]) {
        yield { pointer: `/${path.join('/')}`, document: changed(document, path, value) as object }
      }
    }
  }
}

function* pathsOf(value: unknown, at: readonly (string | number)[] = []): Generator<readonly (string | number)[]> {
  if (at.length > 0) yield at
  if (Array.isArray(value)) for (const [index, each] of value.entries()) yield* pathsOf(each, [...at, index])
  else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) yield* pathsOf(each, [...at, key])
  }
}

function changed(target: unknown, [key, ...rest]: readonly (string | number)[], value: unknown): unknown {
  const isList = Array.isArray(target)
  const copy = (isList ? (target as unknown[]).slice() : { ...(target as object) }) as Record<string | number, unknown>
  if (rest.length > 0) copy[key!] = changed(copy[key!], rest, value)
  else if (value !== GONE) copy[key!] = value
  else if (isList) (copy as unknown as unknown[]).splice(Number(key), 1)
  else delete copy[key!]
  return copy
}
