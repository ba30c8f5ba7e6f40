/** One line of /proc/self/mountinfo, proc_pid_mountinfo(5). */
export interface MountInfo {
  readonly id: number
  readonly parent: number
  /** Path inside the file system that forms the root of this mount */
  readonly root: string
  readonly mountPoint: string
  readonly options: readonly string[]
  readonly type: string
  readonly superOptions: readonly string[]
}

/** Parses /proc/self/mountinfo; lines that do not have its shape are left out. */
export function parseMountInfo(text: string): MountInfo[] {
  return text.split('\n').flatMap((line) => parseLine(line) ?? [])
}

function parseLine(line: string): MountInfo | undefined {
  // Optional fields vary in number and end with a lone hyphen.
  const split = line.indexOf(' - ')
  if (split < 0) return undefined
  const [id, parent, , root, mountPoint, options] = line.slice(0, split).split(' ')
  const [type, , superOptions] = line.slice(split + 3).split(' ')
  if (root === undefined || mountPoint === undefined || options === undefined || type === undefined) return undefined
  return {
    id: Number(id),
    parent: Number(parent),
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    options: options.split(','),
    type,
    superOptions: (superOptions ?? '').split(','),
  }
}

/** Mounts that can still be reached: of several on one place, the last one hides the others. */
export function visibleMounts(mounts: readonly MountInfo[]): MountInfo[] {
  const last = new Map(mounts.map((mount) => [mount.mountPoint, mount]))
  return mounts.filter((mount) => last.get(mount.mountPoint) === mount)
}

const unescapeOctal = (field: string): string =>
  field.includes('\\')
    ? field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)))
    : field
