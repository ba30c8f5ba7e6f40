import { InvalidInputError } from '../../base/errors.ts'
import { makedev } from '../../linux/params.ts'

/** A node that is to be made. */
export interface Node {
  /** As it was given */
  readonly path: string
  /** Of the path: where it goes, and its last name */
  readonly directory: string
  readonly name: string
  readonly kind: 'character' | 'block' | 'fifo'
  /** Type and permissions, as mknodat(2) takes them */
  readonly mode: number
  /** As mknodat(2) takes it; 0 for a FIFO */
  readonly device: number
}

/** Letters of mknod(1), and the type bits of inode(7). */
const TYPES = {
  c: { kind: 'character', bits: 0o020000 },
  u: { kind: 'character', bits: 0o020000 },
  b: { kind: 'block', bits: 0o060000 },
  p: { kind: 'fifo', bits: 0o010000 },
} as const
/** What mknod(1) gives under the usual umask */
const DEFAULT_MODE = '644'
/** Bits of the numbers in dev_t of the kernel */
const MOST_MAJOR = 2 ** 12 - 1
const MOST_MINOR = 2 ** 20 - 1

/** `PATH c|b MAJOR MINOR [MODE]` or `PATH p [MODE]`. @throws InvalidInputError */
export function parseNode([path = '', letter = '', ...rest]: readonly string[]): Node {
  const type = Object.hasOwn(TYPES, letter) ? TYPES[letter as keyof typeof TYPES] : undefined
  if (!type) refuse('TYPE', `must be c (character), b (block) or p (FIFO), not ${JSON.stringify(letter)}`)
  const numbers = type.kind === 'fifo' ? [] : rest.slice(0, 2)
  const [mode = DEFAULT_MODE, ...more] = rest.slice(type.kind === 'fifo' ? 0 : 2)
  if (more.length > 0)
    refuse('words', `are too many: ${more.join(' ')}. Give PATH c|b MAJOR MINOR [MODE] or PATH p [MODE]`)
  if (!/^0?[0-7]{1,4}$/.test(mode)) refuse('MODE', `must be octal digits such as 660, not ${JSON.stringify(mode)}`)
  return {
    path,
    ...partsOf(path),
    kind: type.kind,
    mode: type.bits | Number.parseInt(mode, 8),
    device:
      type.kind === 'fifo'
        ? 0
        : makedev(numberOf('MAJOR', numbers[0], MOST_MAJOR), numberOf('MINOR', numbers[1], MOST_MINOR)),
  }
}

function partsOf(path: string): Pick<Node, 'directory' | 'name'> {
  const name = path.slice(path.lastIndexOf('/') + 1)
  if (path.startsWith('/') && !['', '.', '..'].includes(name) && !path.includes('\0')) {
    return { directory: path.slice(0, path.length - name.length), name }
  }
  return refuse('PATH', `must be absolute, and end with the name of the node, not ${JSON.stringify(path)}`)
}

function numberOf(field: string, text: string | undefined, most: number): number {
  if (text !== undefined && /^\d{1,7}$/.test(text) && Number(text) <= most) return Number(text)
  return refuse(field, `must be a number from 0 to ${most}, not ${JSON.stringify(text ?? '')}`)
}

function refuse(field: string, rule: string): never {
  throw new InvalidInputError(`${field} ${rule}`, { field })
}
