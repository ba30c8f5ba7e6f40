import { InvalidInputError, SyscallError } from '../base/errors.ts'
import { describeValue } from '../linux/show-value.ts'
import type { Program } from './builder.ts'
import type { ProgramResult } from './result.ts'

/** What execve(2) needs. `path` without a slash is searched in the PATH of `env`, as execvp(3) does. */
export interface Execution {
  readonly path: string
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** PATH of a program whose environment has none, confstr(_CS_PATH) and the places of hand-installed programs */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Adds the steps that replace the process by a program; a program that completes has not replaced it (see `execError`).
 * @throws InvalidInputError for an empty path, an environment name with "=" or NUL, values that are no text
 */
export function execSteps(p: Program, { path, argv, env }: Execution): void {
  if (typeof path !== 'string') {
    throw new InvalidInputError(`Command is ${describeValue(path)}: give a path or a name as text`, { field: 'path' })
  }
  if (path === '') throw new InvalidInputError('Command is empty: give a path or a name', { field: 'path' })
  const pairs = environment(env)
  if (path.includes('/')) {
    p.execve(path, argv, pairs)
    return
  }
  for (const directory of (env['PATH'] ?? DEFAULT_PATH).split(':')) {
    p.tolerate(...SEARCH_GOES_ON).execve(`${directory || '.'}/${path}`, argv, pairs)
  }
}

/** Errors after which execvp(3) tries the next directory. */
const SEARCH_GOES_ON = ['ENOENT', 'ENOTDIR', 'EACCES'] as const

/** The error of a search that found nothing: EACCES when there was a file that may not be executed, as execvp(3). */
export function searchFailure(p: Program, result: ProgramResult): SyscallError {
  const tries = p.steps.flatMap(({ name }, index) => (name === 'execve' ? [index] : []))
  const step = tries.find((index) => result.errno(index) === 'EACCES') ?? tries.at(-1) ?? 0
  const { feature } = p.step(step) ?? {}
  return new SyscallError({
    call: 'execve',
    args: p.step(step)?.printArgs() ?? '',
    errno: result.errno(step) ?? 'ENOENT',
    step,
    steps: p.length,
    ...(feature === undefined ? {} : { feature }),
    because: 'No directory of PATH holds this command as a file that may be executed',
  })
}

/** @throws InvalidInputError */
function environment(env: Readonly<Record<string, string>>): string[] {
  if (typeof env !== 'object' || env === null || Array.isArray(env)) {
    throw new InvalidInputError(`env must be an object of names and values, not ${describeValue(env)}`, {
      field: 'env',
    })
  }
  return Object.entries(env).map(([name, value]: [string, unknown]) => {
    const field = `env.${name}`
    if (name === '' || /[=\0]/.test(name)) {
      const rule = 'is empty or holds "=" or NUL: no program could find it'
      throw new InvalidInputError(`Environment name ${JSON.stringify(name)} ${rule}`, { field })
    }
    if (typeof value !== 'string' || value.includes('\0')) {
      throw new InvalidInputError(`${field} must be text without NUL, not ${describeValue(value)}`, { field })
    }
    return `${name}=${value}`
  })
}
