import { InvalidInputError } from '../../base/errors.ts'

/** A link of the network namespace: its name, or its index. */
export type LinkRef = string | number

/** IFNAMSIZ without the NUL */
const LONGEST = 15

/** What isspace() of the kernel takes for a space, 0xa0 included, and what would move a terminal's cursor */
// eslint-disable-next-line no-control-regex
const REFUSED = /[\0-\x20\x7f/:]/

/**
 * The name of a link as dev_valid_name() of the kernel takes it: 1 to 15 bytes without space, slash and colon.
 * @param options.template whether `%d` may stand in it, for which the kernel puts the first free number
 * @throws InvalidInputError
 */
export function checkLinkName(name: unknown, field: string, { template = false } = {}): string {
  if (typeof name !== 'string') {
    throw new InvalidInputError(`${field} must be the name of a link, text of 1 to ${LONGEST} bytes`, { field })
  }
  const rule = brokenRule(name, template)
  if (rule === undefined) return name
  throw new InvalidInputError(`${field} ${JSON.stringify(name)} ${rule}`, { field })
}

function brokenRule(name: string, template: boolean): string | undefined {
  const bytes = new TextEncoder().encode(name)
  if (bytes.length === 0 || bytes.length > LONGEST) {
    return `has ${bytes.length} bytes: give the link a name of 1 to ${LONGEST}`
  }
  if (REFUSED.test(name) || bytes.includes(0xa0)) return 'has a character that no name may have: no spaces, "/" and ":"'
  if (name === '.' || name === '..') return 'is a directory, and names of links are directories of sysfs: take another'
  if (name === 'all' || name === 'default')
    return 'means every link below /proc/sys/net (devinet_sysctl_register): take another'
  if (!name.includes('%')) return undefined
  if (!template) return 'has a "%", where the kernel would choose a number: write the whole name'
  return /^[^%]*%d[^%]*$/.test(name) ? undefined : 'may have one "%d", where the kernel puts a number, and no other "%"'
}

/** A name, or an index from 1 on. @throws InvalidInputError */
export function checkLinkRef(ref: unknown, field: string): LinkRef {
  if (typeof ref !== 'number') return checkLinkName(ref, field)
  if (Number.isInteger(ref) && ref > 0 && ref < 2 ** 31) return ref
  throw new InvalidInputError(`${field} must be the name of a link or its index, from 1 on, not ${ref}`, { field })
}
