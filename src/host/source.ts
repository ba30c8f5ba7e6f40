import { accessSync, constants, lstatSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs'

/** One directory entry as lstat(2) sees it. */
export interface SourceEntry {
  readonly kind: 'directory' | 'file' | 'symlink' | 'other'
  /** What a symbolic link says */
  readonly target?: string
  /** Type and permission bits, inode(7) */
  readonly mode: number
}

/** Where probes read a host from: this machine, or a recording of another one. Nothing here throws for a missing file. */
export interface HostSource {
  /** Node's name of the machine architecture */
  readonly architecture: string
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
}

/** The machine this process runs on. */
export const machineSource: HostSource = {
  architecture: process.arch,
  text: (path) => attempt(() => readFileSync(path, 'utf8')),
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
}

function readEntry(path: string): SourceEntry | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat) return undefined
  if (stat.isSymbolicLink()) return { kind: 'symlink', target: readlinkSync(path), mode: stat.mode }
  return { kind: stat.isDirectory() ? 'directory' : stat.isFile() ? 'file' : 'other', mode: stat.mode }
}

/** The same source, reading each text once: a probe sees one state of a file, and the cgroup search asks for some often. */
export function remembering(source: HostSource): HostSource {
  const texts = new Map<string, string | undefined>()
  return {
    ...source,
    text(path) {
      if (!texts.has(path)) texts.set(path, source.text(path))
      return texts.get(path)
    },
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
