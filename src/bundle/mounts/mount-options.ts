import { InvalidInputError } from '../../base/errors.ts'
import type { MountAttr, MountFlag } from '../../linux/tables/mount.ts'
import type { Mount } from '../spec.ts'

/** What a word means: an attribute set or cleared, a time rule, a propagation, a flag of the file system, a word of its own. */
type Meaning =
  | readonly ['set' | 'clear', MountAttr]
  | readonly ['atime', MountAttr | null]
  | readonly ['propagation', Propagation]
  | readonly ['flag' | 'unflag', MountFlag, string | null]
  | readonly ['word', 'bind' | 'rbind' | 'remount' | 'tmpcopyup' | 'idmap' | 'ridmap' | 'defaults']

type Propagation = 'MS_SHARED' | 'MS_SLAVE' | 'MS_PRIVATE' | 'MS_UNBINDABLE'

/**
 * Every option name of the specification (config.md, "Linux mount options") but the recursive ones, which are these with an `r`;
 * `null` beside a flag: only mount(2) knows it, fsconfig(2) has no word for it.
 */
export const MOUNT_OPTIONS: Readonly<Record<string, Meaning>> = {
  ro: ['set', 'MOUNT_ATTR_RDONLY'],
  rw: ['clear', 'MOUNT_ATTR_RDONLY'],
  nosuid: ['set', 'MOUNT_ATTR_NOSUID'],
  suid: ['clear', 'MOUNT_ATTR_NOSUID'],
  nodev: ['set', 'MOUNT_ATTR_NODEV'],
  dev: ['clear', 'MOUNT_ATTR_NODEV'],
  noexec: ['set', 'MOUNT_ATTR_NOEXEC'],
  exec: ['clear', 'MOUNT_ATTR_NOEXEC'],
  nodiratime: ['set', 'MOUNT_ATTR_NODIRATIME'],
  diratime: ['clear', 'MOUNT_ATTR_NODIRATIME'],
  nosymfollow: ['set', 'MOUNT_ATTR_NOSYMFOLLOW'],
  symfollow: ['clear', 'MOUNT_ATTR_NOSYMFOLLOW'],
  noatime: ['atime', 'MOUNT_ATTR_NOATIME'],
  strictatime: ['atime', 'MOUNT_ATTR_STRICTATIME'],
  relatime: ['atime', 'MOUNT_ATTR_RELATIME'],
  atime: ['atime', null],
  norelatime: ['atime', null],
  nostrictatime: ['atime', null],
  shared: ['propagation', 'MS_SHARED'],
  slave: ['propagation', 'MS_SLAVE'],
  private: ['propagation', 'MS_PRIVATE'],
  unbindable: ['propagation', 'MS_UNBINDABLE'],
  sync: ['flag', 'MS_SYNCHRONOUS', 'sync'],
  async: ['unflag', 'MS_SYNCHRONOUS', 'async'],
  dirsync: ['flag', 'MS_DIRSYNC', 'dirsync'],
  lazytime: ['flag', 'MS_LAZYTIME', 'lazytime'],
  nolazytime: ['unflag', 'MS_LAZYTIME', 'nolazytime'],
  mand: ['flag', 'MS_MANDLOCK', 'mand'],
  nomand: ['unflag', 'MS_MANDLOCK', 'nomand'],
  iversion: ['flag', 'MS_I_VERSION', null],
  noiversion: ['unflag', 'MS_I_VERSION', null],
  silent: ['flag', 'MS_SILENT', null],
  loud: ['unflag', 'MS_SILENT', null],
  acl: ['flag', 'MS_POSIXACL', null],
  noacl: ['unflag', 'MS_POSIXACL', null],
  bind: ['word', 'bind'],
  rbind: ['word', 'rbind'],
  remount: ['word', 'remount'],
  tmpcopyup: ['word', 'tmpcopyup'],
  idmap: ['word', 'idmap'],
  ridmap: ['word', 'ridmap'],
  defaults: ['word', 'defaults'],
}

/** Attributes of mount_setattr(2); the two lists share no name. */
export interface AttributeChange {
  readonly set: readonly MountAttr[]
  readonly clear: readonly MountAttr[]
}

/** The options of one mount, by what has to be done with them. */
export interface MountOptions {
  /** Of the mount itself */
  readonly top: AttributeChange
  /** Of the mount and all below it (`rro`, `rnosuid`, …) */
  readonly recursive: AttributeChange
  /** In order */
  readonly propagation: readonly { readonly flag: Propagation; readonly recursive: boolean }[]
  /** For the file system itself, `size=64k` */
  readonly data: readonly string[]
  /** Flags of the file system, for mount(2) */
  readonly flags: readonly MountFlag[]
  /** The same for fsconfig(2), as far as it has words for them */
  readonly words: readonly string[]
  readonly bind: 'no' | 'top' | 'recursive'
  readonly remount: boolean
  readonly tmpcopyup: boolean
  readonly idmap: 'no' | 'top' | 'recursive'
}

const ATIME: readonly MountAttr[] = ['MOUNT_ATTR_NOATIME', 'MOUNT_ATTR_STRICTATIME', 'MOUNT_ATTR_RELATIME']

/** Attributes while words are read: true is set, false is cleared; one entry for the rule of access times. */
class Attributes {
  readonly #known = new Map<MountAttr, boolean>()
  #atime: MountAttr | null | undefined

  put(attribute: MountAttr, value: boolean): void {
    this.#known.set(attribute, value)
  }

  atime(rule: MountAttr | null): void {
    this.#atime = rule
  }

  /** A rule of access times is a number among the bits: the old one is cleared whole (mount_setattr(2)). */
  change(): AttributeChange {
    const entries = [...this.#known]
    const set = entries.filter(([, value]) => value).map(([name]) => name)
    const clear = entries.filter(([, value]) => !value).map(([name]) => name)
    if (this.#atime === undefined) return { set, clear }
    return { set: this.#atime ? [...set, this.#atime] : set, clear: [...clear, 'MOUNT_ATTR__ATIME'] }
  }
}

/** The recursive form of a word, if it is one: `rnosuid` is `nosuid` on all mounts below too. */
function meaningOf(word: string): { readonly meaning: Meaning; readonly recursive: boolean } | undefined {
  if (Object.hasOwn(MOUNT_OPTIONS, word)) return { meaning: MOUNT_OPTIONS[word] as Meaning, recursive: false }
  const base = word.startsWith('r') ? word.slice(1) : ''
  if (!Object.hasOwn(MOUNT_OPTIONS, base)) return undefined
  const meaning = MOUNT_OPTIONS[base] as Meaning
  return ['set', 'clear', 'atime', 'propagation'].includes(meaning[0]) ? { meaning, recursive: true } : undefined
}

/**
 * Sorts the options of a mount by what has to be done with them. A later word wins over an earlier one of the same thing; words that
 * the specification does not name are the file system's (config.md, "Mounts").
 * @throws InvalidInputError naming the option: NUL or comma in it, idmap without a bind
 */
export function parseMountOptions(mount: Mount, pointer: string): MountOptions {
  const top = new Attributes()
  const recursive = new Attributes()
  const propagation: { flag: Propagation; recursive: boolean }[] = []
  const flags = new Map<MountFlag, string | null>()
  const words = new Set<string>()
  const data: string[] = []
  for (const [index, word] of (mount.options ?? []).entries()) {
    const found = meaningOf(word)
    if (!found) {
      data.push(checkWord(word, `${pointer}/options/${index}`))
      continue
    }
    const { meaning } = found
    const attributes = found.recursive ? recursive : top
    if (meaning[0] === 'set' || meaning[0] === 'clear') attributes.put(meaning[1], meaning[0] === 'set')
    else if (meaning[0] === 'atime') attributes.atime(meaning[1])
    else if (meaning[0] === 'propagation') propagation.push({ flag: meaning[1], recursive: found.recursive })
    else if (meaning[0] === 'flag') flags.set(meaning[1], meaning[2])
    else if (meaning[0] === 'unflag') flags.delete(meaning[1])
    else words.add(meaning[1])
  }
  const isBind = words.has('bind') || words.has('rbind') || mount.type === 'bind'
  return {
    top: top.change(),
    recursive: recursive.change(),
    propagation,
    data: data.filter((word) => word !== ''),
    flags: [...flags.keys()],
    words: [...flags.values()].filter((word) => word !== null),
    bind: words.has('rbind') ? 'recursive' : isBind ? 'top' : 'no',
    remount: words.has('remount'),
    tmpcopyup: words.has('tmpcopyup'),
    idmap: idmapOf(mount, words, isBind, pointer),
  }
}

function checkWord(word: string, field: string): string {
  if (word.includes('\0')) throw new InvalidInputError(`${field} must not hold a NUL byte`, { field })
  return word
}

function idmapOf(mount: Mount, words: ReadonlySet<string>, isBind: boolean, pointer: string): MountOptions['idmap'] {
  const maps = (mount.uidMappings?.length ?? 0) + (mount.gidMappings?.length ?? 0) > 0
  if (!maps && !words.has('idmap') && !words.has('ridmap')) return 'no'
  if (!isBind) {
    const rule = 'must be of a bind mount: the ids of a new file system are mapped by its own user namespace'
    throw new InvalidInputError(`${pointer}/uidMappings ${rule}; add the option bind, or leave the mappings out`, {
      field: `${pointer}/uidMappings`,
    })
  }
  return words.has('ridmap') ? 'recursive' : 'top'
}

/** Attributes for fsmount(2), which sets and never clears. */
export const newMountAttributes = ({ top, recursive }: MountOptions): readonly MountAttr[] => [
  ...recursive.set.filter((name) => !ATIME.includes(name) && !top.clear.includes(name) && !top.set.includes(name)),
  ...top.set,
  ...(top.set.some((name) => ATIME.includes(name)) ? [] : recursive.set.filter((name) => ATIME.includes(name))),
]

/** The same as flags of mount(2). */
export const flagOfAttribute = (attribute: MountAttr): MountFlag => attribute.replace('MOUNT_ATTR_', 'MS_') as MountFlag
