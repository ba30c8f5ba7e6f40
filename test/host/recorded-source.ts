import type { HostSource, SourceEntry } from '../../src/host/source.ts'

/** The files of a host that probes look at; directories follow from the files in them. */
export interface Recording {
  readonly architecture?: string
  /** Text by path; a path that ends in `/` is an empty directory */
  readonly files: Readonly<Record<string, string>>
  readonly links?: Readonly<Record<string, string>>
  /** Permission bits by path, else 0644 and 0755 */
  readonly modes?: Readonly<Record<string, number>>
  /** Beginnings of paths that this process may write to */
  readonly writable?: readonly string[]
  /** Beginnings of paths that are mounted read-only */
  readonly readOnly?: readonly string[]
  /** Owners by beginning of path, else root */
  readonly owners?: Readonly<Record<string, number>>
  /** Paths of sockets that this process may connect to */
  readonly sockets?: readonly string[]
  /** Extended attributes as `path name`; what Node cannot read is not in a recording of it */
  readonly attributes?: Readonly<Record<string, string>>
  readonly variables?: Readonly<Record<string, string>>
}

/** A source that answers from a recording as the kernel answered on that host. */
export function recordedSource(recording: Recording): HostSource {
  const { files, links = {}, modes = {}, writable = [], readOnly = [], sockets = [], owners = {} } = recording
  const paths = [...Object.keys(files), ...Object.keys(links), ...sockets]
  const ownerOf = (path: string): number => Object.entries(owners).find(([start]) => path.startsWith(start))?.[1] ?? 0
  const isDirectory = (path: string): boolean => paths.some((one) => one.startsWith(`${path}/`))
  const entry = (path: string): SourceEntry | undefined => {
    const target = links[path]
    if (target !== undefined) return { kind: 'symlink', target, mode: 0o120777, uid: 0, size: target.length }
    if (sockets.includes(path)) return { kind: 'other', mode: 0o140777, uid: ownerOf(path), size: 0 }
    if (files[path] !== undefined)
      return { kind: 'file', mode: 0o100000 | (modes[path] ?? 0o644), uid: ownerOf(path), size: files[path].length }
    return isDirectory(path)
      ? { kind: 'directory', mode: 0o040000 | (modes[path] ?? 0o755), uid: ownerOf(path), size: 0 }
      : undefined
  }
  return {
    architecture: recording.architecture ?? 'x64',
    text: (path) => files[path],
    names: (path) => namesBelow(paths, path),
    entry,
    mode: (path) => {
      const target = links[path]
      return target === undefined ? entry(path)?.mode : entry(new URL(target, `file://${path}`).pathname)?.mode
    },
    write(path) {
      if (!entry(path)) return 'ENOENT'
      if (readOnly.some((start) => path.startsWith(start))) return 'EROFS'
      return sockets.includes(path) || writable.some((start) => path.startsWith(start)) ? 'ok' : 'EACCES'
    },
    attribute: (path, name) => recording.attributes?.[`${path} ${name}`],
    variable: (name) => recording.variables?.[name],
  }
}

function namesBelow(paths: readonly string[], directory: string): string[] | undefined {
  const below = paths.filter((path) => path.startsWith(`${directory}/`)).map((path) => path.slice(directory.length + 1))
  return below.length ? [...new Set(below.flatMap((path) => path.split('/')[0] || []))].sort() : undefined
}
