import { InvalidInputError } from '../../base/errors.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'

/** What a user may lack who may not enter a directory. */
const DENIED = ['EACCES', 'EPERM'] as const

/** Adds the directories that lead to a path, as far as they are missing. Preconditions: the container's root is the root directory. */
export function makeDirectorySteps(p: Program, path: string): void {
  const names = path.split('/').filter((name) => name !== '' && name !== '.')
  // What ".." leads to is known when what it stands behind is there.
  if (names.length === 0 || names.includes('..')) return
  p.because('process', 'The working directory is made when the image lacks it, as engines expect')
  let parent = '/'
  for (const name of names) {
    const directory = openDirectory(p, parent)
    p.tolerate('EEXIST').mkdirat(directory, name, 0o755)
    p.close(directory)
    parent = parent === '/' ? `/${name}` : `${parent}/${name}`
  }
}

/** A change of directory that may be refused. */
interface Attempt {
  /** Index of the step that changes it */
  readonly step: number
}

/** Goes to the working directory unless it may not; once with the rights of the setup, and once as the user. */
export function enterSteps(p: Program, path: string): Attempt {
  if (path === '/') {
    p.tolerate(...DENIED).chdir(path)
    return { step: p.length - 1 }
  }
  const directory = openDirectory(p.tolerate(...DENIED), path)
  const step = p.length
  p.tolerate(...DENIED).fchdir(directory)
  p.close(directory)
  return { step }
}

/** A magic link would lead out of the root: `/proc/self/fd/7` (CVE-2024-21626). */
function openDirectory(p: Program, path: string): Ref<Fd> {
  return p.openat2('AT_FDCWD', path, {
    flags: ['O_PATH', 'O_DIRECTORY', 'O_CLOEXEC'],
    resolve: ['RESOLVE_NO_MAGICLINKS'],
  })
}

/** What the kernel says where it is, for `assertInside`. */
export interface Whereabouts {
  readonly attempts: readonly Attempt[]
  readonly cwd: Ref<string>
}

/**
 * Proves that the process went to its working directory, and that this is inside of its root: the kernel shows others as
 * "(unreachable)…" (getcwd(2)).
 * @throws InvalidInputError
 */
export function assertInside(result: ProgramResult, { attempts, cwd }: Whereabouts, path: string): void {
  const field = '/process/cwd'
  if (attempts.every(({ step }) => result.failed(step))) {
    throw new InvalidInputError(`${field} cannot be entered: chdir ${path}: permission denied`, { field })
  }
  const place = result.get(cwd)
  if (typeof place === 'string' && place.startsWith('/')) return
  throw new InvalidInputError(`${field} ${path} leads out of the container's root: name a directory inside of it`, {
    field,
  })
}
