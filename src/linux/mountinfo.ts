import { type Statmount } from './statmount.ts'

/** One line of /proc/PID/mountinfo, proc_pid_mountinfo(5). */
export interface MountEntry {
  readonly id: number
  readonly parent: number
  readonly major: number
  readonly minor: number
  /** Path inside the file system that forms the root of this mount */
  readonly root: string
  readonly mountPoint: string
  /** Of this mount: `rw`, `nosuid`, `relatime` … */
  readonly options: readonly string[]
  /** Propagation: `shared:2`, `master:1`, `propagate_from:3`, `unbindable`; none is private */
  readonly propagation: readonly string[]
  readonly type: string
  readonly source: string
  /** Of the file system, which all its mounts share: `rw`, `size=64k` … */
  readonly superOptions: readonly string[]
}

/** Reads /proc/PID/mountinfo; lines that do not have its shape are left out. */
export const decodeMountinfo = (text: string): MountEntry[] => text.split('\n').flatMap((line) => entryOf(line) ?? [])

function entryOf(line: string): MountEntry | undefined {
  // Optional fields vary in number and end with a lone hyphen.
  const split = line.indexOf(' - ')
  if (split < 0) return undefined
  const [id, parent, device, root, mountPoint, options, ...propagation] = line.slice(0, split).split(' ')
  const [type, source, superOptions] = line.slice(split + 3).split(' ')
  if (root === undefined || mountPoint === undefined || options === undefined || type === undefined) return undefined
  const [major, minor] = (device ?? '').split(':').map(Number)
  return {
    id: Number(id),
    parent: Number(parent),
    major: major ?? 0,
    minor: minor ?? 0,
    root: unescaped(root),
    mountPoint: unescaped(mountPoint),
    options: options.split(','),
    propagation: propagation.filter((field) => field !== ''),
    type,
    source: unescaped(source ?? ''),
    superOptions: superOptions ? superOptions.split(',').map(unescaped) : [],
  }
}

/** Space, tab, newline and backslash are written as three octal digits. */
const unescaped = (field: string): string =>
  field.includes('\\')
    ? field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)))
    : field

/** The options of one mount, as the kernel has them now: of the mount, and of the file system that all its mounts share. */
export interface MountOptions {
  readonly type: string
  readonly source: string
  /** `rw` or `ro` first, then `nosuid`, `nodev`, `noexec`, `noatime` … */
  readonly mount: readonly string[]
  /** `rw` or `ro` first, then what the file system itself has: `size=64k`, `mode=700` … */
  readonly superblock: readonly string[]
}

/**
 * The options of a mount in the text of /proc/PID/mountinfo; undefined when it is not there (another namespace, outside the root).
 * @param id of the mount: `stx_mnt_id` of any path in it
 */
export function mountOptionsIn(mountinfo: string, id: number | bigint): MountOptions | undefined {
  const entry = decodeMountinfo(mountinfo).find((each) => BigInt(each.id) === BigInt(id))
  return entry && { type: entry.type, source: entry.source, mount: entry.options, superblock: entry.superOptions }
}

/** Names of mount attributes in the order of mountinfo; the kind of atime is a field of its own. */
const ATTRIBUTES = [
  ['MOUNT_ATTR_NOSUID', 'nosuid'],
  ['MOUNT_ATTR_NODEV', 'nodev'],
  ['MOUNT_ATTR_NOEXEC', 'noexec'],
  ['MOUNT_ATTR_NOATIME', 'noatime'],
  ['MOUNT_ATTR_NODIRATIME', 'nodiratime'],
] as const

const LATER = [
  ['MOUNT_ATTR_NOSYMFOLLOW', 'nosymfollow'],
  ['MOUNT_ATTR_IDMAP', 'idmapped'],
] as const

/** Flags of a super block, linux/fs.h; statmount(2) tells them as a number. */
const SB_RDONLY = 1
const SUPER_FLAGS = [
  [0x10, 'sync'],
  [0x80, 'dirsync'],
  [0x40, 'mand'],
  [0x2000000, 'lazytime'],
] as const

/**
 * The same from statmount(2) (Linux 6.8, options 6.10), asked for STATMOUNT_SB_BASIC, MNT_BASIC, FS_TYPE, SB_SOURCE and MNT_OPTS.
 * Sources that the kernel of the machine does not tell are empty.
 */
export function mountOptionsOf(mount: Statmount): MountOptions {
  const attributes = new Set<unknown>(mount.mnt_attr)
  const named = (rows: readonly (readonly [string, string])[]): string[] =>
    rows.filter(([name]) => attributes.has(name)).map(([, word]) => word)
  const isRelative = !attributes.has('MOUNT_ATTR_NOATIME') && !attributes.has('MOUNT_ATTR_STRICTATIME')
  const options = mount.mnt_opts === undefined || mount.mnt_opts === '' ? [] : mount.mnt_opts.split(',')
  return {
    type: mount.fs_subtype ? `${mount.fs_type}.${mount.fs_subtype}` : (mount.fs_type ?? ''),
    source: mount.sb_source ?? '',
    mount: [
      attributes.has('MOUNT_ATTR_RDONLY') ? 'ro' : 'rw',
      ...named(ATTRIBUTES),
      ...(isRelative ? ['relatime'] : []),
      ...named(LATER),
    ],
    superblock: [
      mount.sb_flags & SB_RDONLY ? 'ro' : 'rw',
      ...SUPER_FLAGS.filter(([bit]) => mount.sb_flags & bit).map(([, word]) => word),
      ...options,
    ],
  }
}
