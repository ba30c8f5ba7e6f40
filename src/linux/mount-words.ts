import { flagSet, nameOf } from './constant-set.ts'
import { MS, type MountFlag } from './tables/mount.ts'

/** Flags of mount(2) by the words of mount(8) and fstab(5), one flag each. */
export const MOUNT_WORDS = flagSet('MountWord', 'mount(8)', () => ({
  ro: 1,
  rdonly: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  sync: 0x10,
  remount: 0x20,
  mand: 0x40,
  dirsync: 0x80,
  nosymfollow: 0x100,
  noatime: 0x400,
  nodiratime: 0x800,
  bind: 0x1000,
  move: 0x2000,
  silent: 0x8000,
  unbindable: 0x20000,
  private: 0x40000,
  slave: 0x80000,
  shared: 0x100000,
  relatime: 0x200000,
  iversion: 0x800000,
  strictatime: 0x1000000,
  lazytime: 0x2000000,
}))

/** Words that mean all mounts below too. */
const RECURSIVE: Readonly<Record<string, keyof typeof MOUNT_WORDS.values>> = {
  rbind: 'bind',
  runbindable: 'unbindable',
  rprivate: 'private',
  rslave: 'slave',
  rshared: 'shared',
}

/** Words that take a flag back which an earlier word set. */
const CLEARED: Readonly<Record<string, MountFlag>> = {
  rw: 'MS_RDONLY',
  suid: 'MS_NOSUID',
  dev: 'MS_NODEV',
  exec: 'MS_NOEXEC',
  async: 'MS_SYNCHRONOUS',
  nomand: 'MS_MANDLOCK',
  symfollow: 'MS_NOSYMFOLLOW',
  atime: 'MS_NOATIME',
  diratime: 'MS_NODIRATIME',
  loud: 'MS_SILENT',
  norelatime: 'MS_RELATIME',
  noiversion: 'MS_I_VERSION',
  nostrictatime: 'MS_STRICTATIME',
  nolazytime: 'MS_LAZYTIME',
}

/** The last two arguments of mount(2). */
export interface MountArguments {
  readonly flags: readonly MountFlag[]
  /** What is left for the file system, `size=1m,mode=700`; null when nothing is */
  readonly data: string | null
}

/**
 * The options of a line of fstab(5) or of `mount -o`, as `agent.sys.mount()` takes them: words with a flag become flags, a later
 * word wins, everything else is for the file system. Names of flags (`MS_NOSUID`) are words too; every comma ends a word.
 * @example
 * const { flags, data } = mountArguments('rdonly,nosuid,noexec,size=1m')
 * await agent.sys.mount('none', '/tmp', 'tmpfs', flags, data)
 */
export function mountArguments(words: string): MountArguments {
  const flags = new Set<MountFlag>()
  const data: string[] = []
  for (const word of words.split(',').filter((each) => each !== '' && each !== 'defaults')) {
    const cleared = Object.hasOwn(CLEARED, word) ? CLEARED[word] : undefined
    const set = flagsOf(word)
    if (cleared !== undefined) flags.delete(cleared)
    else if (set !== undefined) for (const flag of set) flags.add(flag)
    else data.push(word)
  }
  return { flags: [...flags], data: data.length > 0 ? data.join(',') : null }
}

function flagsOf(word: string): readonly MountFlag[] | undefined {
  if (Object.hasOwn(MS.values, word)) return [word as MountFlag]
  const base = Object.hasOwn(RECURSIVE, word) ? RECURSIVE[word] : undefined
  if (base !== undefined) return [...(flagsOf(base) ?? []), 'MS_REC']
  const { values }: { readonly values: Readonly<Record<string, number>> } = MOUNT_WORDS
  const value = Object.hasOwn(values, word) ? values[word] : undefined
  return value === undefined ? undefined : [nameOf(MS, value) as MountFlag]
}
