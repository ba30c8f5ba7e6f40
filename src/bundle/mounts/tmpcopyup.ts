import type { Arch } from '../../linux/arch.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import type { DirectoryEntry } from '../../linux/directory.ts'
import { type Program, program } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'
import type { Copy } from '../root/root.ts'

/** Programs to be run one after the other in the process that holds the descriptors; each is given back its result. */
export type Rounds<T = void> = Generator<Program, T, ProgramResult>

/** Bytes of directory entries that one step asks for */
const LISTING = 64 * 1024
/** Entries of a directory in one program: two descriptors are open for each */
const TOGETHER = 64
/** Most that one sendfile(2) copies */
const PIECE = 0x7ffff000

const DIRECTORY = ['O_RDONLY', 'O_DIRECTORY', 'O_NOFOLLOW', 'O_CLOEXEC'] as const

/**
 * Copies what directories hold into the file systems that cover them (`tmpcopyup`). Regular files, directories and links, with owners,
 * modes and times; nothing is followed, no other mount is entered, nodes and sockets are left out, what is there already stays.
 */
export function* copyUpRounds(arch: Arch, copies: readonly Copy<number>[]): Rounds {
  for (const { from, to, readOnly } of copies) {
    yield* copyDirectory(arch, from, to)
    const p = because(arch)
    if (readOnly) p.mount_setattr(to, '', ['AT_EMPTY_PATH'], { attr_set: ['MOUNT_ATTR_RDONLY'] })
    p.close(from)
    p.close(to)
    yield p
  }
}

function because(arch: Arch): Program {
  return program({ arch }).because('mounts', 'tmpcopyup: what the directory held is copied into what covers it')
}

/** Both descriptors may be O_PATH, and stay open. */
function* copyDirectory(arch: Arch, from: number, to: number): Rounds {
  const entries = yield* list(arch, from)
  for (let at = 0; at < entries.length; at += TOGETHER) {
    const directories = yield* copyEntries(arch, from, to, entries.slice(at, at + TOGETHER))
    for (const each of directories) {
      yield* copyDirectory(arch, each.from, each.to)
      const p = because(arch)
      setTimes(p, each.to, '.', each.stat)
      p.close(each.from)
      p.close(each.to)
      yield p
    }
  }
}

function* list(arch: Arch, from: number): Rounds<readonly DirectoryEntry[]> {
  const opening = because(arch)
  const opened = opening.openat(from, '.', DIRECTORY)
  const fd = (yield opening).get(opened)
  const entries: DirectoryEntry[] = []
  for (;;) {
    const p = because(arch)
    const part = p.getdents64(fd, LISTING)
    const found = (yield p).get(part)
    if (found.length === 0) break
    entries.push(...found.filter(({ name }) => name !== '.' && name !== '..'))
  }
  const closing = because(arch)
  closing.close(fd)
  yield closing
  return entries
}

type Stat = ReturnType<Program['statx']> extends Ref<infer T> ? T : never

interface Known {
  readonly name: string
  readonly stat: Stat
  readonly link: string | null
}

interface Pair {
  readonly from: number
  readonly to: number
  readonly stat: Stat
}

const FORMAT = 0o170000
const REGULAR = 0o100000
const FOLDER = 0o040000
const LINK = 0o120000

function* copyEntries(
  arch: Arch,
  from: number,
  to: number,
  entries: readonly DirectoryEntry[],
): Rounds<readonly Pair[]> {
  const known = yield* lookAt(arch, from, entries)
  const p = because(arch)
  const opened: { readonly from: Ref<Fd>; readonly to: Ref<Fd>; readonly stat: Stat }[] = []
  for (const each of known) {
    const format = each.stat.stx_mode & FORMAT
    if (format === REGULAR) copyFile(p, from, to, each)
    else if (format === LINK) copyLink(p, to, each)
    else if (format === FOLDER) opened.push({ ...makeFolder(p, from, to, each), stat: each.stat })
  }
  const result = yield p
  return opened
    .map((pair) => ({ from: result.get(pair.from), to: result.get(pair.to), stat: pair.stat }))
    .filter((pair) => pair.from >= 0 && pair.to >= 0)
}

function* lookAt(arch: Arch, from: number, entries: readonly DirectoryEntry[]): Rounds<readonly Known[]> {
  const p = because(arch)
  const asked = entries.map(({ name }) => {
    const stat = p
      .tolerate('ENOENT')
      .statx(from, name, ['AT_SYMLINK_NOFOLLOW', 'AT_NO_AUTOMOUNT'], ['STATX_BASIC_STATS'])
    const link = p.tolerate('EINVAL', 'ENOENT').readlinkat(from, name)
    return { name, stat, link }
  })
  const result = yield p
  return asked.flatMap(({ name, stat, link }) => {
    const [known, target] = [result.get(stat), result.get(link)]
    if (typeof known === 'number') return []
    return [{ name, stat: known, link: typeof target === 'string' ? target : null }]
  })
}

/** As it was looked at: neither a link nor a FIFO that took its place meanwhile is opened or waited for. */
function copyFile(p: Program, from: number, to: number, { name, stat }: Known): void {
  const source = p.tolerate('ENOENT', 'ELOOP', 'EXDEV', 'ENXIO').openat2(from, name, {
    flags: ['O_RDONLY', 'O_NOFOLLOW', 'O_NONBLOCK', 'O_NOCTTY', 'O_CLOEXEC'],
    resolve: ['RESOLVE_BENEATH', 'RESOLVE_NO_SYMLINKS', 'RESOLVE_NO_XDEV'],
  })
  p.tolerate('EEXIST')
  const copy = p.openat(to, name, ['O_WRONLY', 'O_CREAT', 'O_EXCL', 'O_NOFOLLOW', 'O_CLOEXEC'], 0o600)
  for (let left = stat.stx_size; left > 0; left -= PIECE) p.sendfile(copy, source, Math.min(left, PIECE))
  p.fchown(copy, stat.stx_uid, stat.stx_gid)
  p.fchmod(copy, stat.stx_mode & 0o7777)
  p.close(source)
  p.close(copy)
  setTimes(p, to, name, stat)
}

function copyLink(p: Program, to: number, { name, stat, link }: Known): void {
  if (link === null) return
  p.tolerate('EEXIST').symlinkat(link, to, name)
  p.fchownat(to, name, stat.stx_uid, stat.stx_gid, ['AT_SYMLINK_NOFOLLOW'])
}

function makeFolder(p: Program, from: number, to: number, { name, stat }: Known): { from: Ref<Fd>; to: Ref<Fd> } {
  p.tolerate('EEXIST').mkdirat(to, name, 0o700)
  const source = p.tolerate('ENOENT', 'ELOOP', 'EXDEV', 'ENOTDIR').openat2(from, name, {
    flags: DIRECTORY,
    resolve: ['RESOLVE_BENEATH', 'RESOLVE_NO_SYMLINKS', 'RESOLVE_NO_XDEV'],
  })
  const copy = p.tolerate('ELOOP', 'ENOTDIR').openat(to, name, DIRECTORY)
  p.fchown(copy, stat.stx_uid, stat.stx_gid)
  p.fchmod(copy, stat.stx_mode & 0o7777)
  return { from: source, to: copy }
}

function setTimes(p: Program, directory: number, name: string, { stx_atime, stx_mtime }: Stat): void {
  p.tolerate('ENOENT').utimensat(directory, name, { atime: stx_atime, mtime: stx_mtime }, ['AT_SYMLINK_NOFOLLOW'])
}
