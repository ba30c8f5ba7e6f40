import { InvalidInputError, SyscallError, UnsupportedError } from '../../base/errors.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'
import type { Linux, Process, User } from '../spec.ts'
import { afterUserSteps, beforeUserSteps, grantedCapabilities } from './capability-sets.ts'
import { errnoWords } from './errno-words.ts'
import { lookupSteps, resolveExecutable } from './executable.ts'
import { homeOf, homeSteps, type RunMore } from './home.ts'
import { memoryPolicySteps } from './memory-policy.ts'
import { resourceSteps } from './resources.ts'
import { keyLabelSteps, labelSteps } from './security-label.ts'
import { keyringSteps } from './session-keyring.ts'
import { becomeUserSteps, stdioOwnerSteps } from './user-steps.ts'
import { assertInside, enterSteps, makeDirectorySteps, type Whereabouts } from './working-directory.ts'

export { usesSecurityModule } from './security-label.ts'

/** No descriptor: steps that want one are not there */
const NONE = -1

/** What the steps before the gate are planned from. */
export interface ReadyInput {
  /** Of the container; names its session keyring */
  readonly id: string
  readonly process: Process
  readonly linux?: Linux
  /** `procfsSteps`, in the numbers of the process; only when `usesSecurityModule`. It is closed: nobody else may find it there */
  readonly proc?: Ref<Fd> | number
  /** A further process of a container: its working directory is not made */
  readonly exec?: boolean
  /** Default true */
  readonly newKeyring?: boolean
  /** What the user namespace says of setgroups(2); default allow */
  readonly setgroups?: 'allow' | 'deny'
  /** `done`: its maker ran `resourceSteps`; default here */
  readonly resources?: 'here' | 'done'
  /** When the configuration has none; default 0o022 */
  readonly umask?: number
  /** Capabilities that can be granted, by bit; default all */
  readonly available?: bigint
  /** Active ones by name; looked at only when `usesSecurityModule` */
  readonly securityModules?: readonly string[]
  /** Descriptors of which pipes become the user's; nothing is done to others */
  readonly stdio?: readonly number[]
}

/** Steps whose answer says whether the program can be executed. */
export interface Ready {
  /** Reads the answer; `more` runs a further program in the process. @throws InvalidInputError */
  finish(result: ProgramResult, more?: RunMore): ReadyResult
}

/** What is known before the gate. */
export interface ReadyResult {
  /** Path for execve(2), seen from the working directory */
  readonly executable: string
  /** As asked, later entries of a name instead of earlier ones, with HOME */
  readonly env: readonly string[]
  /** What could not be granted and is not an error by the specification */
  readonly warnings: readonly string[]
}

/**
 * Everything that can fail before the program is executed, up to being its user with its rights in its directory. The order is that of
 * what each step still needs: descriptors and privileges first, limits behind them, then the user.
 * Preconditions: B, with the container's root as its root directory; all mounts are done.
 * @throws UnsupportedError, InvalidInputError
 */
export function readySteps(p: Program, input: ReadyInput): Ready {
  const { process: asked, linux, proc = NONE, exec = false } = input
  const granted = grantedCapabilities(asked.capabilities, input.available)
  const path = asked.cwd
  if (input.newKeyring ?? true) {
    keyLabelSteps(p, asked, proc)
    keyringSteps(p, input.id)
  }
  if (linux?.personality) personalitySteps(p, linux.personality)
  if (linux?.memoryPolicy) memoryPolicySteps(p, linux.memoryPolicy)
  labelSteps(p, asked, proc, input.securityModules ?? [])
  if (proc !== NONE) p.close(proc)
  const bytes = hasHome(asked) ? undefined : homeSteps(p)
  if (!exec) makeDirectorySteps(p, path)
  p.because(
    'process',
    'Once with the rights of the setup: a user may be put where it could not go (engines’ --workdir)',
  )
  const first = enterSteps(p, path)
  if ((input.resources ?? 'here') === 'here') resourceSteps(p, { process: asked })
  privilegeSteps(p, input, granted.masks)
  p.umask(asked.user?.umask ?? input.umask ?? 0o022)
  p.because('process', 'And once as the user: where it is must be inside of the root (CVE-2024-21626)')
  const second = enterSteps(p, path)
  const where: Whereabouts = { attempts: [first, second], cwd: p.getcwd() }
  const lookup = lookupSteps(p, asked)
  return {
    finish(result, more) {
      assertInside(result, where, path)
      const home = bytes && homeOf(p, result, bytes, asked.user?.uid ?? 0, more)
      return {
        executable: resolveExecutable(result, lookup),
        env: environment(asked.env ?? [], home),
        warnings: granted.warnings,
      }
    },
  }
}

function privilegeSteps(
  p: Program,
  { process: asked, linux, setgroups = 'allow', stdio = [] }: ReadyInput,
  masks: ReturnType<typeof grantedCapabilities>['masks'],
): void {
  const user = asked.user ?? { uid: 0, gid: 0 }
  const mapped = linux?.namespaces?.some(({ type }) => type === 'user') ?? false
  // Root's pipes are root's already, unless its number stands for another one.
  if (user.uid !== 0 || mapped) stdioOwnerSteps(p, user.uid, stdio)
  p.because(
    'process',
    'Nobody of the container may look into a process that is still ours (CVE-2016-9962); an exec ends this',
  )
  p.prctl('PR_SET_DUMPABLE', 0, 0, 0, 0)
  if (asked.noNewPrivileges) {
    p.because('process', 'No set-uid file and no file capability has an effect from here on')
    p.prctl('PR_SET_NO_NEW_PRIVS', 1, 0, 0, 0)
  }
  beforeUserSteps(p, masks)
  becomeUserSteps(p, user, setgroups)
  afterUserSteps(p, masks, linux?.seccomp !== undefined && !asked.noNewPrivileges)
}

/** `flags` has no value that the specification knows. */
function personalitySteps(p: Program, { domain }: { readonly domain: string }): void {
  p.because('process', 'What uname(2) and the layout of memory say; kept over an exec (personality(2))')
  p.personality([domain === 'LINUX32' ? 'PER_LINUX32' : 'PER_LINUX'])
}

const hasHome = ({ env = [] }: Process): boolean => env.some((each) => each.startsWith('HOME='))

/** The last entry of a name counts: some programs take the first that they find. */
export function environment(env: readonly string[], home: string | undefined): readonly string[] {
  const byName = new Map<string, string>()
  for (const entry of env) {
    const end = entry.indexOf('=', 1)
    byName.set(end < 0 ? entry : entry.slice(0, end), entry)
  }
  if (home !== undefined) byName.set('HOME', `HOME=${home}`)
  return [...byName.values()]
}

const ID_FIELDS: Readonly<Record<string, 'uid' | 'gid' | 'additionalGids'>> = {
  setresuid: 'uid',
  setresgid: 'gid',
  setgroups: 'additionalGids',
}

/** EINVAL is an id that the user namespace has no mapping for (setresuid(2), setgroups(2)). */
function unmappedError(error: SyscallError, user: User = { uid: 0, gid: 0 }): unknown {
  const name = ID_FIELDS[error.call]
  if (name === undefined || error.errno !== 'EINVAL') return error
  const field = `/process/user/${name}`
  const map = name === 'uid' ? '/linux/uidMappings' : '/linux/gidMappings'
  const problem = `must be mapped in the user namespace, and ${JSON.stringify(user[name] ?? [])} is not: add it to ${map}`
  return new InvalidInputError(`${field} ${problem}`, { field, cause: error })
}

/** What a failure of these steps means to whoever wrote the configuration; other errors are returned as they are. */
export function readyError(error: unknown, { cwd, apparmorProfile, user }: Process): unknown {
  if (error instanceof SyscallError && error.feature === 'users') return unmappedError(error, user)
  if (!(error instanceof SyscallError) || error.feature !== 'process') return error
  const words = errnoWords(error.errno)
  const invalid = (field: string, problem: string): InvalidInputError =>
    new InvalidInputError(`${field} ${problem}: ${words}`, { field, cause: error })
  if (error.call === 'openat2' && error.args.includes('attr/')) {
    const fact = apparmorProfile ? 'AppArmor' : 'SELinux'
    return new UnsupportedError(`The label of the process cannot be set: ${words}`, {
      fact,
      remedy: `check that ${fact} is active, and that nothing is mounted over the host's /proc`,
      cause: error,
    })
  }
  if (error.call === 'write' && error.because?.includes('AppArmor')) {
    return invalid('/process/apparmorProfile', `${apparmorProfile} cannot be used, is it loaded?`)
  }
  if (error.call === 'openat2' && error.errno === 'ELOOP') {
    return invalid('/process/cwd', `${cwd} leads through a magic link or in a circle`)
  }
  if (error.call === 'mkdirat') return invalid('/process/cwd', `cannot be made: mkdir ${cwd}`)
  if (['openat2', 'fchdir', 'chdir', 'getcwd'].includes(error.call)) {
    return invalid('/process/cwd', `cannot be entered: chdir ${cwd}`)
  }
  return error
}
