import { InvalidInputError } from '../../base/errors.ts'

const STREAMS = ['stdin', 'stdout', 'stderr'] as const

/** The refusal of a directory as a standard stream of a program in a root of its own: `openat(0, "..")` leads out of any (openat(2)). */
export function directoryStream(descriptor: number): InvalidInputError {
  const field = STREAMS[descriptor] ?? `descriptor ${descriptor}`
  return new InvalidInputError(
    `${field} is a directory, by which the program would get out of its root: redirect it to a file or to /dev/null`,
    { field },
  )
}
