import { InvalidInputError } from '../../base/errors.ts'
import { checkLinkRef, type LinkRef } from './link-name.ts'

/** A place in bytes for the index of a link that is known by its name; the executor asks for it. */
export interface NamedLink {
  readonly at: number
  readonly name: string
  /** What the caller called it, `master` */
  readonly field: string
}

/** Bytes of a message, little-endian, with places that are still empty. */
export interface Piece {
  readonly bytes: Uint8Array
  readonly links: readonly NamedLink[]
}

/** Size of `struct nlattr` */
const ATTRIBUTE = 4
const NLA_F_NESTED = 0x8000

/** Everything in netlink stands at multiples of four (NLMSG_ALIGN, NLA_ALIGN). */
export const align = (size: number): number => (size + 3) & ~3

export const piece = (bytes: Uint8Array, links: readonly NamedLink[] = []): Piece => ({ bytes, links })

/** Pieces one after the other, each at a multiple of four. */
export function joined(pieces: readonly Piece[]): Piece {
  const size = pieces.reduce((sum, { bytes }) => sum + align(bytes.length), 0)
  const bytes = new Uint8Array(size)
  const links: NamedLink[] = []
  let at = 0
  for (const each of pieces) {
    bytes.set(each.bytes, at)
    for (const link of each.links) links.push({ ...link, at: link.at + at })
    at += align(each.bytes.length)
  }
  return { bytes, links }
}

/** One attribute: its length without padding, its type, its value. */
export function attribute(type: number, value: Piece | Uint8Array): Piece {
  const { bytes, links } = value instanceof Uint8Array ? piece(value) : value
  const length = ATTRIBUTE + bytes.length
  if (length > 0xffff) {
    throw new InvalidInputError(`Attribute ${type} has ${length} bytes: netlink has room for 65535`, { field: 'bytes' })
  }
  const out = new Uint8Array(length)
  const view = new DataView(out.buffer)
  view.setUint16(0, length, true)
  view.setUint16(2, type, true)
  out.set(bytes, ATTRIBUTE)
  return { bytes: out, links: links.map((link) => ({ ...link, at: link.at + ATTRIBUTE })) }
}

/** An attribute of attributes. */
export const nested = (type: number, attributes: readonly Piece[]): Piece =>
  attribute(type | NLA_F_NESTED, joined(attributes))

/** What an optional setting adds: nothing when it is not given. */
export const given = <T>(value: T | undefined, add: (value: T) => Piece | readonly Piece[]): readonly Piece[] => {
  if (value === undefined) return []
  const added = add(value)
  return 'bytes' in added ? [added] : added
}

const filled = (size: number, fill: (view: DataView) => void): Uint8Array => {
  const bytes = new Uint8Array(size)
  fill(new DataView(bytes.buffer))
  return bytes
}

export const u8 = (value: number): Uint8Array => Uint8Array.of(value)
export const u16 = (value: number): Uint8Array => filled(2, (view) => view.setUint16(0, value, true))
export const be16 = (value: number): Uint8Array => filled(2, (view) => view.setUint16(0, value, false))
export const u32 = (value: number): Uint8Array => filled(4, (view) => view.setUint32(0, value, true))
/** Text with its NUL */
export const text = (value: string): Uint8Array => new TextEncoder().encode(`${value}\0`)

/** The index of a link, or the place for it. @throws InvalidInputError */
export function linkIndex(ref: LinkRef, field: string): Piece {
  const checked = checkLinkRef(ref, field)
  if (typeof checked === 'number') return piece(u32(checked))
  return piece(u32(0), [{ at: 0, name: checked, field }])
}

/** A whole number within bounds. @throws InvalidInputError */
export function checkNumber(value: unknown, field: string, least: number, most: number, unit = ''): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  const what = `a whole number${unit && ` of ${unit}`} from ${least} to ${most}`
  throw new InvalidInputError(`${field} must be ${what}, not ${shownNumber(value)}`, { field })
}

const shownNumber = (value: unknown): string => (typeof value === 'number' ? String(value) : typeof value)

/** @throws InvalidInputError */
export function checkBoolean(value: unknown, field: string): boolean {
  if (typeof value === 'boolean') return value
  throw new InvalidInputError(`${field} must be true or false, not ${typeof value}`, { field })
}

/** The number of a word. @throws InvalidInputError */
export function checkWord(words: Readonly<Record<string, number>>, value: unknown, field: string): number {
  const found = typeof value === 'string' && Object.hasOwn(words, value) ? words[value] : undefined
  if (found !== undefined) return found
  const shown = typeof value === 'string' ? JSON.stringify(value) : typeof value
  throw new InvalidInputError(`${field} must be one of ${Object.keys(words).join(', ')}, not ${shown}`, { field })
}

/** The same; a number is one already, up to `most`. @throws InvalidInputError */
export const wordNumber = (
  words: Readonly<Record<string, number>>,
  value: unknown,
  field: string,
  most = 255,
): number => (typeof value === 'number' ? checkNumber(value, field, 0, most) : checkWord(words, value, field))

/** @throws InvalidInputError naming what is no setting: a typing error must not be a setting that is lost */
export function checkKeys(value: unknown, known: readonly string[], what: string): void {
  if (typeof value !== 'object' || value === null) {
    throw new InvalidInputError(`${what} must be an object`, { field: what })
  }
  const unknown = Object.keys(value).find((key) => !known.includes(key))
  if (unknown === undefined) return
  throw new InvalidInputError(`${what} has no setting ${JSON.stringify(unknown)}: it has ${known.join(', ')}`, {
    field: unknown,
  })
}
