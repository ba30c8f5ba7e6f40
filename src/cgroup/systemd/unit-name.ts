import { InvalidInputError } from '../../base/errors.ts'

/** UNIT_NAME_MAX of systemd, the longest name of a file */
const LONGEST = 255

/** Text as a part of a unit's name, by the rules of systemd-escape(1): `/` becomes `-`, what is not allowed `\x2d`. */
export function escapeUnitName(text: string): string {
  return [...new TextEncoder().encode(text)]
    .map((byte, index) => {
      const letter = String.fromCharCode(byte)
      if (letter === '/') return '-'
      const plain = /[A-Za-z0-9:_.]/.test(letter) && !(letter === '.' && index === 0)
      return plain ? letter : `\\x${byte.toString(16).padStart(2, '0')}`
    })
    .join('')
}

/** @throws InvalidInputError unless it is the name of a unit of this type, `carrel-1.scope` (systemd.unit(5)) */
export function checkUnitName(name: string, type: 'scope' | 'slice', field: string): void {
  const suffix = `.${type}`
  if (typeof name !== 'string' || !name.endsWith(suffix) || name.length === suffix.length) {
    throw new InvalidInputError(`${field} must be a name that ends in ${suffix}, not ${JSON.stringify(name)}`, {
      field,
    })
  }
  if (name.length > LONGEST || !/^[A-Za-z0-9:_.\\@-]+$/.test(name) || name.startsWith('.')) {
    throw new InvalidInputError(
      `${field} must have at most ${LONGEST} letters, digits, or any of :_.\\@- and no dot at its beginning, not ${JSON.stringify(name)}: ` +
        'escape other characters as systemd-escape(1) does',
      { field },
    )
  }
  if (name.startsWith('@'))
    throw new InvalidInputError(`${field} must not begin with @, which a template's name ends in`, { field })
  if (type === 'slice') checkSliceParts(name, field)
}

/** Dashes in the name of a slice say where it is: `a-b.slice` is inside `a.slice`. */
function checkSliceParts(name: string, field: string): void {
  if (name === ROOT_SLICE) return
  const stem = name.slice(0, -'.slice'.length)
  if (stem.includes('@') || stem.split('-').some((part) => part === '')) {
    throw new InvalidInputError(
      `${field} must name a part before and after each dash, as in a-b.slice, not ${JSON.stringify(name)}`,
      {
        field,
      },
    )
  }
}

const ROOT_SLICE = '-.slice'

/** Where a slice is, below the root of its manager: `a-b.slice` -> `/a.slice/a-b.slice`, `-.slice` -> ``. @throws InvalidInputError */
export function slicePath(slice: string, field = 'slice'): string {
  checkUnitName(slice, 'slice', field)
  if (slice === ROOT_SLICE) return ''
  const parts = slice.slice(0, -'.slice'.length).split('-')
  return parts.map((_part, index) => `/${parts.slice(0, index + 1).join('-')}.slice`).join('')
}
