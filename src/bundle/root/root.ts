import { StateError } from '../../base/errors.ts'
import { type Fd, Ref } from '../../linux/ref.ts'
import type { OpenHow } from '../../linux/generated/signatures.ts'
import type { OpenFlag, ResolveFlag } from '../../linux/tables/open.ts'
import type { Program } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'
import { containerPath, type MountFacts, type Sources } from '../mounts/mount-facts.ts'
import { hostPath, ROOT_SOURCE } from '../mounts/source-steps.ts'
import type { Config } from '../spec.ts'
import { succeeds } from './condition.ts'
import type { FdLike } from './fd-like.ts'

export type { FdLike } from './fd-like.ts'

/** A mount whose directory is copied into it once it is made (`tmpcopyup`). */
export interface Copy<F = FdLike> {
  readonly from: F
  readonly to: F
  /** Becomes read-only when the copy is complete */
  readonly readOnly: boolean
}

/** What was built of a root file system so far: planning adds to it. */
export interface Root {
  /** Where every path of the container begins */
  readonly fd: FdLike
  /** Whether mounts outside of it are shared with the host's (rootfsPropagation) */
  readonly shared: boolean
  /** Paths of the container that are directories by now, `/dev` */
  readonly made: Set<string>
  /** Mounts that become read-only last, because others are attached in them */
  readonly late: FdLike[]
  readonly copies: Copy[]
  /** Questions to the result of the program: whether the kernel showed what the steps rely on */
  readonly checks: ((result: ProgramResult) => void)[]
  /** A procfs that was mounted here, or null */
  proc: FdLike | null
  /** The container's null device, checked to be it, or null */
  nullDevice: FdLike | null
}

/**
 * The root for the steps of a second program, which the same process runs: descriptors become numbers.
 * @throws StateError when the first program did not get that far
 */
export function resumeRoot(root: Root, result: ProgramResult): Root {
  const number = (fd: FdLike): number => (fd instanceof Ref ? result.get(fd) : fd)
  return {
    fd: number(root.fd),
    shared: root.shared,
    made: root.made,
    late: root.late.map(number),
    copies: copiesOf(root, result),
    checks: [],
    proc: root.proc === null ? null : number(root.proc),
    nullDevice: root.nullDevice === null ? null : number(root.nullDevice),
  }
}

/** Directories that are still to be copied, by the numbers of their descriptors. */
export function copiesOf(root: Root, result: ProgramResult): Copy<number>[] {
  const number = (fd: FdLike): number => (fd instanceof Ref ? result.get(fd) : fd)
  return root.copies.map(({ from, to, readOnly }) => ({ from: number(from), to: number(to), readOnly }))
}

/**
 * Asks the result of the program that the root was planned in whether the kernel showed what was expected.
 * @throws StateError naming the path that is something else
 */
export function verifyRoot(root: Root, result: ProgramResult): void {
  for (const check of root.checks) check(result)
}

/**
 * Puts the root file system in its place: a copy of its tree, attached to its own directory, so that hooks which run in the mount
 * namespace find the container there. Its owner in a user namespace may not reach that directory; then it lies on top of `/`.
 */
export function prepareRootSteps(p: Program, config: Config, facts: MountFacts, sources: Sources): Root {
  p.because('root', 'The umask would take bits off the modes of nodes and directories')
  p.umask(0)
  const path = hostPath(facts, config.root?.path ?? '')
  const given = sources.get(ROOT_SOURCE)
  p.because('root', 'The root becomes a mount of its own, where hooks look for it, which pivot_root(2) wants too')
  const place = given === undefined ? p.openat('AT_FDCWD', path, PLACE) : reachablePlace(p, path)
  const tree =
    given === undefined
      ? p.open_tree(place, '', ['OPEN_TREE_CLONE', 'OPEN_TREE_CLOEXEC', 'AT_RECURSIVE', 'AT_EMPTY_PATH'])
      : ownNumber(p, given)
  if (!(config.linux?.rootfsPropagation ?? '').endsWith('slave')) {
    p.mount_setattr(tree, '', ['AT_EMPTY_PATH', 'AT_RECURSIVE'], { propagation: ['MS_PRIVATE'] })
  }
  p.move_mount(tree, '', place, '', ['MOVE_MOUNT_F_EMPTY_PATH', 'MOVE_MOUNT_T_EMPTY_PATH'])
  p.close(place)
  const shared = (config.linux?.rootfsPropagation ?? '').endsWith('shared')
  return { fd: tree, shared, made: new Set(['/']), late: [], copies: [], checks: [], proc: null, nullDevice: null }
}

/** A descriptor that came with a program has no number in its result, which a later program needs (resumeRoot). */
function ownNumber(p: Program, given: FdLike): FdLike {
  const own = p.fcntl(given, 'F_DUPFD_CLOEXEC', 3)
  p.close(given)
  return own as Ref<Fd>
}

const PLACE = ['O_PATH', 'O_DIRECTORY', 'O_CLOEXEC'] as const

function reachablePlace(p: Program, path: string): Ref<Fd> {
  const place = p.openat('AT_FDCWD', '/', PLACE)
  const own = p.tolerate('EACCES', 'ENOENT').openat('AT_FDCWD', path, PLACE)
  p.dup3(own, place, ['O_CLOEXEC'])
  p.close(own)
  return place
}

/** How `inRoot` opens: frozen, so that a program holds it once. @param resolve beside RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS */
export const openHow = (flags: readonly OpenFlag[], resolve: readonly ResolveFlag[] = []): OpenHow =>
  Object.freeze({
    flags: Object.freeze([...flags, 'O_CLOEXEC'] as const),
    resolve: Object.freeze(['RESOLVE_IN_ROOT', 'RESOLVE_NO_MAGICLINKS', ...resolve] as const),
  })

/** A path of whatever kind */
export const ANYTHING = openHow(['O_PATH'])
const ANYTHING_BUT_LINKS = openHow(['O_PATH'], ['RESOLVE_NO_SYMLINKS'])
const DIRECTORY = openHow(['O_PATH', 'O_DIRECTORY'])
const DIRECTORY_WITHOUT_LINKS = openHow(['O_PATH', 'O_DIRECTORY'], ['RESOLVE_NO_SYMLINKS'])

/**
 * Opens a path of the container. It cannot lead out of the root, whoever changes it meanwhile (openat2(2), Linux 5.6); what is found is
 * used by its descriptor and never looked up again (CVE-2021-30465).
 */
export const inRoot = (p: Program, root: Root, path: string, how: OpenHow): Ref<Fd> =>
  p.openat2(root.fd, containerPath(path).slice(1) || '.', how)

/** Whether symbolic links on the way are followed within the root, or refused (ELOOP). */
export interface TargetOptions {
  readonly noSymlinks?: boolean
}

/** A target, and whether it was made just now: steps that refer to `made` happen only then. */
export interface Target {
  readonly fd: Ref<Fd>
  readonly made: Ref<number> | null
}

/**
 * Opens what something is mounted on, as O_PATH. What is missing is made inside of the root, one component after the other in a
 * directory that is held by descriptor (CVE-2024-45310); a symbolic link that leads nowhere is refused (ENOENT):
 * who wants its place made says so beforehand (`MountFacts.links`).
 */
export const makeTarget = (
  p: Program,
  root: Root,
  path: string,
  kind: 'directory' | 'file',
  options: TargetOptions = {},
): Ref<Fd> => findTarget(p, root, path, kind, options).fd

/** `makeTarget`, with what it made. */
export function findTarget(
  p: Program,
  root: Root,
  path: string,
  kind: 'directory' | 'file',
  { noSymlinks = false }: TargetOptions = {},
): Target {
  const whole = containerPath(path)
  const directory = noSymlinks ? DIRECTORY_WITHOUT_LINKS : DIRECTORY
  const made = kind === 'directory' && root.made.has(whole) ? null : makeSteps(p, root, whole, kind, directory)
  const file = noSymlinks ? ANYTHING_BUT_LINKS : ANYTHING
  return { fd: inRoot(p, root, whole, kind === 'directory' ? directory : file), made }
}

/** Makes a path and the directories above it unless they are known to be there. */
function makeSteps(p: Program, root: Root, path: string, kind: 'directory' | 'file', directory: OpenHow): Ref<number> {
  const slash = path.lastIndexOf('/')
  const above = path.slice(0, slash) || '/'
  const name = path.slice(slash + 1)
  if (!root.made.has(above)) makeSteps(p, root, above, 'directory', directory)
  const parent = above === '/' ? root.fd : inRoot(p, root, above, directory)
  p.tolerate('EEXIST')
  const made =
    kind === 'directory'
      ? succeeds(p, 'mkdirat', [parent, name, 0o755])
      : succeeds(p, 'mknodat', [parent, name, 0o100644, 0])
  if (parent !== root.fd) p.close(parent)
  if (kind === 'directory') root.made.add(path)
  return made
}

/** Says that something was mounted on a path: of what was made, only what lies above it is still known to be there. */
export function covered(root: Root, path: string): void {
  for (const made of root.made)
    if (made !== '/' && made !== path && !path.startsWith(`${made}/`)) root.made.delete(made)
}

const FORMAT = 0o170000

/** Has the result checked for what a descriptor is: a node of a type (`0o020000`) and number. */
export function checkNode(
  p: Program,
  root: Root,
  fd: FdLike,
  node: { readonly path: string; readonly type: number; readonly major: number; readonly minor: number },
): void {
  const stat = p.statx(fd, '', ['AT_EMPTY_PATH'], ['STATX_TYPE'])
  root.checks.push((result) => {
    const { stx_mode, stx_rdev_major, stx_rdev_minor } = result.get(stat)
    const isNumbered = node.type === 0o020000 || node.type === 0o060000
    if (
      (stx_mode & FORMAT) === node.type &&
      (!isNumbered || (stx_rdev_major === node.major && stx_rdev_minor === node.minor))
    )
      return
    throw new StateError(
      `${node.path} in the root file system is not the device ${node.major}:${node.minor}: remove it from the image`,
      {
        state: `mode ${stx_mode.toString(8)}, ${stx_rdev_major}:${stx_rdev_minor}`,
        wanted: `${node.major}:${node.minor}`,
      },
    )
  })
}
