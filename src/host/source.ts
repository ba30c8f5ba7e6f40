import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
} from 'node:fs'

/** One directory entry as lstat(2) sees it. */
export interface SourceEntry {
  readonly kind: 'directory' | 'file' | 'symlink' | 'other'
  /** What a symbolic link says */
  readonly target?: string
  /** Type and permission bits, inode(7) */
  readonly mode: number
  /** Owner, as this process's user namespace shows it */
  readonly uid: number
  /** Bytes of a file, as far as its file system tells (procfs: 0) */
  readonly size: number
}

/** Where probes read a host from: this machine, or a recording of another one. Nothing here throws for a missing file. */
export interface HostSource {
  /** Node's name of the machine architecture */
  readonly architecture: string
  /** Process that the one that is read from belongs to, in the numbers of its /proc: the whole tree below it is ours too */
  readonly owner?: number | undefined
  /** Text of a file, or undefined when it is missing or unreadable */
  text(path: string): string | undefined
  /** Names in a directory, sorted, or undefined when it is missing or unreadable */
  names(path: string): readonly string[] | undefined
  /** The entry itself, links not followed */
  entry(path: string): SourceEntry | undefined
  /** Type and permission bits of what the path leads to, links followed */
  mode(path: string): number | undefined
  /** Whether access(2) with W_OK says yes, or the errno it gives instead */
  write(path: string): 'ok' | string
  /** Value of an extended attribute, or undefined when it is missing, unreadable, or this source has no means to read any (Node) */
  attribute(path: string, name: string): string | undefined
  /** A variable of the environment */
  variable(name: string): string | undefined
}

/** The machine this process runs on. */
export const machineSource: HostSource = {
  architecture: process.arch,
  // An error with its stack costs ten times what asking first does, and many of the files are missing on most machines.
  text: (path) => (existsSync(path) ? attempt(() => readFileSync(path, 'utf8')) : undefined),
  names: (path) => attempt(() => readdirSync(path).sort()),
  entry: (path) => attempt(() => readEntry(path)),
  mode: (path) => attempt(() => statSync(path, { throwIfNoEntry: false })?.mode),
  write(path) {
    try {
      accessSync(path, constants.W_OK)
      return 'ok'
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'EIO'
    }
  },
  attribute: () => undefined,
  variable: (name) => process.env[name],
}

function readEntry(path: string): SourceEntry | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat) return undefined
  const { mode, uid, size } = stat
  if (stat.isSymbolicLink()) return { kind: 'symlink', target: readlinkSync(path), mode, uid, size }
  return { kind: stat.isDirectory() ? 'directory' : stat.isFile() ? 'file' : 'other', mode, uid, size }
}

/** The same source, reading each text and directory once: a probe sees one state of them, and the cgroup search asks for some often. */
export function remembering(source: HostSource): HostSource {
  return { ...source, text: once((path) => source.text(path)), names: once((path) => source.names(path)) }
}

function once<T>(read: (path: string) => T): (path: string) => T {
  const known = new Map<string, T>()
  return (path) => {
    const value = known.get(path)
    if (value !== undefined || known.has(path)) return value as T
    const fresh = read(path)
    known.set(path, fresh)
    return fresh
  }
}

/** A probe takes "cannot read" for "is not there": hidepid, masked paths and races make both look alike. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
