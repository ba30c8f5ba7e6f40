import { lstatSync, mkdirSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { UnsupportedError } from '../base/errors.ts'

/** Variable that names another directory for records, so that tests have one of their own. */
export const DIRECTORY_VARIABLE = 'CARREL_RUNTIME_DIR'

/** Who looks for the directory. */
export interface DirectoryContext {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Effective user id */
  readonly uid: number
}

const here = (): DirectoryContext => ({ env: process.env, uid: process.geteuid?.() ?? 0 })

/**
 * Directory of the records of this user's sandboxes, made when it is missing: /run/carrel for root, $XDG_RUNTIME_DIR/carrel for
 * others, /tmp/carrel-UID where neither can be had. What is in it is believed, so nobody else may write to it.
 * @throws UnsupportedError for a directory that is somebody else's, or that others may write to, and when none can be made
 */
export function openRecordDirectory(context: DirectoryContext = here()): string {
  const candidates = directoriesOf(context)
  const refusals: string[] = []
  for (const directory of candidates) {
    const refusal = makeDirectory(directory)
    if (refusal === undefined) return checked(directory, context.uid)
    refusals.push(`${directory}: ${refusal}`)
  }
  throw new UnsupportedError(`No directory can be made for the records of sandboxes (${refusals.join(', ')})`, {
    fact: 'runtime directory',
    remedy: `set ${DIRECTORY_VARIABLE} to a directory of this user's own`,
  })
}

/** The same directory, or undefined where it does not exist: nobody has made a sandbox. @throws UnsupportedError as `openRecordDirectory` */
export function findRecordDirectory(context: DirectoryContext = here()): string | undefined {
  const directory = directoriesOf(context).find((each) => lstatSync(each, { throwIfNoEntry: false }) !== undefined)
  return directory === undefined ? undefined : checked(directory, context.uid)
}

/** Places for it, the best first. */
function directoriesOf({ env, uid }: DirectoryContext): readonly string[] {
  const named = env[DIRECTORY_VARIABLE]
  if (named !== undefined && named !== '') {
    if (isAbsolute(named)) return [named]
    throw new UnsupportedError(`${DIRECTORY_VARIABLE} is ${JSON.stringify(named)}`, {
      fact: 'runtime directory',
      remedy: 'give an absolute path',
    })
  }
  // /tmp is sticky: what was made there by one user cannot be replaced by another.
  const last = `/tmp/carrel-${uid}`
  if (uid === 0) return ['/run/carrel', last]
  const session = env['XDG_RUNTIME_DIR']
  return session !== undefined && isAbsolute(session) ? [`${session}/carrel`, last] : [last]
}

/** Makes it; the errno when it is not there afterwards. */
function makeDirectory(directory: string): string | undefined {
  if (lstatSync(directory, { throwIfNoEntry: false })) return undefined
  try {
    mkdirSync(directory, { mode: 0o700 })
    return undefined
  } catch (error) {
    const { code = 'EIO' } = error as NodeJS.ErrnoException
    return code === 'EEXIST' ? undefined : code
  }
}

const [TYPE, DIRECTORY, OTHERS_WRITE] = [0o170000, 0o040000, 0o022]

function checked(directory: string, uid: number): string {
  const { mode, uid: owner } = lstatSync(directory)
  const problem =
    (mode & TYPE) !== DIRECTORY
      ? 'is no directory (links are not followed)'
      : owner !== uid
        ? `belongs to user ${owner}, not to ${uid}`
        : mode & OTHERS_WRITE
          ? 'can be written to by others'
          : undefined
  if (problem === undefined) return directory
  throw new UnsupportedError(`${directory} ${problem}, so that what it says of sandboxes cannot be believed`, {
    fact: 'runtime directory',
    remedy: `remove it, or set ${DIRECTORY_VARIABLE} to a directory of this user's own`,
  })
}
