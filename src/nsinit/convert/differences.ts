import { pointerPart } from '../../bundle/config/fields.ts'
import { ANNOTATIONS } from './annotations.ts'

/** What is said of a whole property: its parts would fill pages. */
const WHOLE = ['/linux/seccomp', '/linux/maskedPaths', '/linux/readonlyPaths', '/ociVersion']

/**
 * Sentences about what a document has that another, made from it, has not or has otherwise. Each begins with a JSON pointer.
 * @param kept the document that was made from `asked`
 */
export function differences(asked: unknown, kept: unknown, at = ''): readonly string[] {
  if (same(asked, kept) || at === '/ociVersion') return []
  if (kept === undefined) return [`${at} has no counterpart and is left out`]
  if (asked === undefined) return [`${at} is not there, and becomes ${shown(kept)}`]
  if (WHOLE.includes(at) || !isObject(asked) || !isObject(kept) || Array.isArray(asked) !== Array.isArray(kept)) {
    return [`${at} becomes ${WHOLE.includes(at) ? 'the default one' : shown(kept)}`]
  }
  return Array.isArray(asked) && Array.isArray(kept) ? ofLists(asked, kept, at) : ofObjects(asked, kept, at)
}

/** An annotation that holds what the rest of the document says too. */
const isOwn = (key: string): boolean => Object.values<string>(ANNOTATIONS).includes(key)

type Fields = Readonly<Record<string, unknown>>

function ofObjects(asked: Fields, kept: Fields, at: string): readonly string[] {
  const keys = [...new Set([...Object.keys(asked), ...Object.keys(kept)])].filter((key) => key in asked || !isOwn(key))
  return keys.flatMap((key) => differences(asked[key], kept[key], `${at}/${pointerPart(key)}`))
}

/** Entries by what they are, because one that is left out moves all that follow. */
function ofLists(asked: readonly unknown[], kept: readonly unknown[], at: string): readonly string[] {
  const without = (list: readonly unknown[], others: readonly unknown[]) =>
    list.flatMap((value, index) => (others.some((other) => same(other, value)) ? [] : [{ value, index }]))
  const gone = without(asked, kept).map(({ index, value }) => `${at}/${index} is left out or changed: ${shown(value)}`)
  const more = without(kept, asked).map(({ value }) => `${at} gets ${shown(value)}`)
  // Mounts hide each other; nothing else that is a list of ours depends on its order.
  const moved = gone.length + more.length === 0 && at === '/mounts' ? [`${at} is in another order`] : []
  return [...gone, ...more, ...moved]
}

function same(a: unknown, b: unknown): boolean {
  if (!isObject(a) || !isObject(b)) return a === b
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return Array.isArray(a) === Array.isArray(b) && [...keys].every((key) => same(a[key], b[key]))
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null

const LONGEST = 120

function shown(value: unknown): string {
  const text =
    JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each)) ?? 'nothing'
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
}
