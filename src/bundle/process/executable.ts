import { InvalidInputError } from '../../base/errors.ts'
import type { StatxDecoded } from '../../linux/generated/signatures.ts'
import type { Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import { DEFAULT_PATH } from '../../program/exec-steps.ts'
import type { ProgramResult } from '../../program/result.ts'
import type { Process } from '../spec.ts'
import { errnoWords } from './errno-words.ts'

/** Errors of a candidate that is none. */
const NOT_HERE = ['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG', 'EPERM'] as const
const S_IFMT = 0o170000
const S_IFREG = 0o100000
const S_IFDIR = 0o040000

interface Candidate {
  readonly path: string
  readonly stat: Ref<StatxDecoded>
  /** Indexes of the steps that look, and that ask for the right to execute */
  readonly look: number
  readonly access: number
}

/** Where a program may be, to be told apart when the steps have run. */
export interface Lookup {
  readonly name: string
  readonly candidates: readonly Candidate[]
}

/**
 * Looks for the program of `args` as execvp(3) does: a name with a slash is a path, another is searched in PATH of `env`.
 * Preconditions: the process is the user already, and in the working directory.
 */
export function lookupSteps(p: Program, { args = [], env = [] }: Process): Lookup {
  const [name = ''] = args
  p.because('process', 'A program that is not there is told before the container counts as made')
  const paths = name.includes('/') ? [name] : searchPath(env).map((directory) => `${directory}/${name}`)
  return { name, candidates: paths.map((path) => candidateSteps(p, path)) }
}

function searchPath(env: readonly string[]): string[] {
  const entry = env.findLast((each) => each.startsWith('PATH='))
  const path = entry === undefined ? DEFAULT_PATH : entry.slice('PATH='.length)
  // An empty part is the working directory (execvp(3)).
  return path === '' ? [] : path.split(':').map((directory) => directory || '.')
}

function candidateSteps(p: Program, path: string): Candidate {
  const look = p.length
  const stat = p.tolerate(...NOT_HERE).statx('AT_FDCWD', path, [], ['STATX_TYPE', 'STATX_MODE'])
  p.tolerate(...NOT_HERE).faccessat2('AT_FDCWD', path, ['X_OK'], ['AT_EACCESS'])
  return { path, stat, look, access: look + 1 }
}

/**
 * The path of the program.
 * @throws InvalidInputError in the words that engines look for
 */
export function resolveExecutable(result: ProgramResult, { name, candidates }: Lookup): string {
  const found = candidates.find((each) => !result.failed(each.look) && problemOf(result, each) === undefined)
  if (found !== undefined) return found.path
  const [only] = candidates
  const problem =
    name.includes('/') && only !== undefined ? problemOf(result, only) : 'executable file not found in $PATH'
  throw notExecutable(`exec: ${JSON.stringify(name)}: ${problem}`)
}

function problemOf(result: ProgramResult, { path, stat, look, access }: Candidate): string | undefined {
  const missing = result.errno(look)
  if (missing !== undefined) return `stat ${path}: ${errnoWords(missing)}`
  const type = result.get(stat).stx_mode & S_IFMT
  if (type === S_IFDIR) return 'is a directory: permission denied'
  if (result.failed(access)) return errnoWords(result.errno(access) ?? '')
  // execve(2) refuses what is no regular file with EACCES.
  return type === S_IFREG ? undefined : 'permission denied'
}

/** The program cannot be executed. */
export const notExecutable = (problem: string): InvalidInputError =>
  new InvalidInputError(`/process/args/0 cannot be executed: ${problem}`, { field: '/process/args/0' })
