import { valueOf, nameOf } from './constant-set.ts'
import { ERRNO, type Errno } from './tables/errno.ts'

/** EHWPOISON */
const LAST = 133

let known: readonly (string | undefined)[] | undefined

function nameOfNumber(n: number): string | undefined {
  known ??= Array.from({ length: LAST + 1 }, (_, number) => (number ? nameOf(ERRNO, number) : undefined))
  return known[n]
}

/** The kernel's name of an error number, `EPERM`; `errno N` for one without a name. */
export const errnoName = (errno: number): string => nameOfNumber(errno) ?? `errno ${errno}`

/**
 * The number of an error name.
 * @throws InvalidInputError when there is no such error
 */
export const errnoNumber = (name: Errno | (string & {})): number => valueOf(ERRNO, name, 'x64', 'errno')
