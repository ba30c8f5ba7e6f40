import { valueOf, nameOf } from './constant-set.ts'
import { ERRNO, type Errno } from './tables/errno.ts'

const NAMES: readonly (string | undefined)[] = Array.from({ length: 134 }, (_, n) => (n ? nameOf(ERRNO, n) : undefined))

/** The kernel's name of an error number, `EPERM`; `errno N` for one without a name. */
export const errnoName = (errno: number): string => NAMES[errno] ?? `errno ${errno}`

/**
 * The number of an error name.
 * @throws InvalidInputError when there is no such error
 */
export const errnoNumber = (name: Errno | (string & {})): number => valueOf(ERRNO, name, 'x64', 'errno')
