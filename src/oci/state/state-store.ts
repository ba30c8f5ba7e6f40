import { InvalidInputError, StateError, UnsupportedError } from '../../base/errors.ts'
import { attempt, callError, E } from '../../kernel/call.ts'
import { close, O, tryOpen } from '../../kernel/descriptors.ts'
import { listDirectory, makeDirectories, makeDirectory, removeTree } from '../../kernel/directories.ts'
import { readOwnFile, removeFile, writeAtomic, writeText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { isAlive } from '../../kernel/process.ts'
import { type FileStat, stat } from '../../kernel/stat.ts'
import { isFrozen } from '../cgroups/freeze.ts'
import { checkContainerId } from './container-id.ts'
import type { ContainerRecord, ContainerStatus } from './container-record.ts'
import { parseRecord } from './parse-record.ts'

/** Files of a state directory. */
export const STATE_FILES = {
  record: 'state.json',
  /** The configuration's bytes as they were used */
  config: 'config.json',
  /** The gate of a created container: it is there until `start` */
  start: 'start.sock',
  /** There when `exec` has given CAP_SYS_PTRACE to a process, whose configuration does not */
  tracer: 'tracer',
} as const

/** What was found under an id: a record; a directory without one of a process, whose creation goes on or never ended; nothing. */
export type Found = ContainerRecord | 'incomplete' | undefined

export interface FindOptions {
  /** Wait until no other command changes this container, and keep others waiting until this process ends or executes */
  readonly lock?: boolean
}

/** A directory of the list that cannot be told as a container. */
export interface UnreadableState {
  readonly id: string
  readonly reason: string
}

const OTHERS_WRITE = 0o022
const LOCK_EX = 2
const LOCK_NB = 4

/**
 * The states of containers, `ROOT/ID/`. Whatever it says is believed by whoever kills, enters and removes by it, so only its user (or
 * root) may write there. Writers lock the directory of a container; readers need no lock, since the record is replaced by rename(2).
 */
export class StateStore {
  readonly root: string
  readonly #kernel: Kernel
  /** Open directories by id: closing one is unlocking it */
  readonly #locks = new Map<string, number>()
  /** Containers whose record this process has written */
  readonly #recorded = new Set<string>()
  #isRootChecked = false

  /** @param root absolute path; it is made by the first `claim` */
  constructor(kernel: Kernel, root: string) {
    this.#kernel = kernel
    this.root = root.replace(/(?<=.)\/+$/, '')
  }

  /** Its state directory, whether it is there or not. @throws InvalidInputError for what is no id */
  directory(id: string): string {
    return `${this.root}/${checkContainerId(id)}`
  }

  /**
   * Makes the directory of a new container, locked.
   * @throws StateError when the id is taken
   */
  claim(id: string): string {
    const directory = this.directory(id)
    makeDirectories(this.#kernel, this.root, 0o700)
    this.#checkRoot()
    do {
      if (!makeDirectory(this.#kernel, directory, 0o700)) this.#refuseTaken(id)
      // Between the two, a forced delete may have taken it for one that was left behind.
    } while (!this.#lock(id))
    return directory
  }

  /** What there is under an id. @throws InvalidInputError for what is no id; a record that cannot be believed */
  find(id: string, { lock = false }: FindOptions = {}): Found {
    const directory = this.directory(id)
    if (!this.#checkRoot()) return undefined
    if (lock ? !this.#lock(id) : !this.#check(directory)) return undefined
    const record = this.#read(id)
    if (record !== undefined) return record.pid === 0 ? 'incomplete' : record
    // Removed since it was looked at?
    return stat(this.#kernel, directory) === undefined ? undefined : 'incomplete'
  }

  /** What a creation that was killed may have left, beside its directory. @throws as `find` */
  leftOf(id: string): Pick<ContainerRecord, 'groups' | 'annotations' | 'scope' | 'closDirectory'> {
    return this.#read(id) ?? { groups: [], annotations: {} }
  }

  /**
   * The record of a container that exists.
   * @throws StateError: `does not exist` is what engines look for
   */
  load(id: string, options: FindOptions = {}): ContainerRecord {
    const found = this.find(id, options)
    if (found === undefined) {
      throw new StateError(`Container ${JSON.stringify(id)} does not exist`, { state: 'absent', wanted: 'created' })
    }
    if (found !== 'incomplete') return found
    throw new StateError(`Container ${JSON.stringify(id)} is not complete: ${this.#whyIncomplete(id)}`, {
      state: 'creating',
      wanted: 'created',
    })
  }

  /** Text of the configuration that the container was created from. @throws StateError when it is gone */
  configText(id: string): string {
    const text = readOwnFile(this.#kernel, `${this.directory(id)}/${STATE_FILES.config}`)
    if (text !== undefined) return text
    throw new StateError(`The configuration of container ${JSON.stringify(id)} does not exist any more`, {
      state: 'removed',
      wanted: 'created',
    })
  }

  /** Keeps the bytes of the configuration, before the record is saved. */
  saveConfig(id: string, bytes: string | Uint8Array): void {
    writeText(this.#kernel, `${this.directory(id)}/${STATE_FILES.config}`, bytes, 0o600)
  }

  /** Writes the record, at once for every reader; the container is locked by this process. */
  save(record: ContainerRecord): void {
    const path = `${this.directory(record.id)}/${STATE_FILES.record}`
    writeAtomic(this.#kernel, path, JSON.stringify(record), { again: this.#recorded.has(record.id) })
    this.#recorded.add(record.id)
  }

  /** Removes the directory of a container; the record first, so that no reader sees half of it. What is gone is no error. */
  remove(id: string): void {
    const directory = this.directory(id)
    if (!this.#check(directory)) return
    removeFile(this.#kernel, `${directory}/${STATE_FILES.record}`)
    this.#recorded.delete(id)
    removeTree(this.#kernel, directory)
    this.release(id)
  }

  /** Lets other commands change the container again. */
  release(id: string): void {
    const fd = this.#locks.get(id)
    if (fd === undefined) return
    this.#locks.delete(id)
    close(this.#kernel, fd)
  }

  /** All containers, by id, and what else has a directory: those being made or removed right now are in neither list. */
  list(): { readonly records: readonly ContainerRecord[]; readonly unreadable: readonly UnreadableState[] } {
    const records: ContainerRecord[] = []
    const unreadable: UnreadableState[] = []
    const names = this.#checkRoot() ? (listDirectory(this.#kernel, this.root) ?? []) : []
    for (const id of names.sort()) {
      try {
        const found = this.find(id)
        if (found === 'incomplete' && !this.isLocked(id)) unreadable.push({ id, reason: this.#whyIncomplete(id) })
        else if (found !== undefined && found !== 'incomplete') records.push(found)
      } catch (error) {
        unreadable.push({ id, reason: (error as Error).message })
      }
    }
    return { records, unreadable }
  }

  /** What the kernel says of the container now. */
  status(record: ContainerRecord): ContainerStatus {
    if (record.pid === 0) return 'creating'
    if (!isAlive(this.#kernel, record.pid, record.startTime)) return 'stopped'
    if (isFrozen(this.#kernel, record.groups)) return 'paused'
    const gate = stat(this.#kernel, `${this.directory(record.id)}/${STATE_FILES.start}`, { follow: false })
    return gate === undefined ? 'running' : 'created'
  }

  /** Whether the root is there; what others may write to is refused. */
  #checkRoot(): boolean {
    this.#isRootChecked ||= this.#check(this.root)
    return this.#isRootChecked
  }

  #check(directory: string): boolean {
    // A link at the root's end is the caller's own choice; below it nobody makes links.
    const found = stat(this.#kernel, directory, { follow: directory === this.root })
    if (found !== undefined) this.#assertOwn(directory, found)
    return found !== undefined
  }

  #assertOwn(directory: string, { kind, uid, mode }: FileStat): void {
    const user = attempt(this.#kernel, 'geteuid')
    const problem =
      kind !== 'directory'
        ? 'is no directory'
        : uid !== user && uid !== 0
          ? `belongs to user ${uid}, not to ${user}`
          : mode & OTHERS_WRITE
            ? 'can be written to by others'
            : undefined
    if (problem === undefined) return
    throw new UnsupportedError(`${directory} ${problem}, so that what it says of containers cannot be believed`, {
      fact: 'state directory',
      remedy: "remove it, or name a directory of this user's own by --root",
    })
  }

  /** Opens the directory and waits for its lock; false when there is none (any more). */
  #lock(id: string): boolean {
    if (this.#locks.has(id)) return true
    const directory = this.directory(id)
    for (;;) {
      const fd = tryOpen(this.#kernel, directory, O.RDONLY | O.DIRECTORY | O.NOFOLLOW)
      if (fd === -E.ENOENT) return false
      if (fd < 0) throw callError('openat', { args: JSON.stringify(directory) }, -fd)
      const result = attempt(this.#kernel, 'flock', fd, LOCK_EX)
      const [mine, there] = [stat(this.#kernel, [fd, '']), stat(this.#kernel, directory, { follow: false })]
      // Whoever had the lock before may have removed what it is on; another container may have the name by now.
      if (result === 0 && mine !== undefined && mine.inode === there?.inode) {
        this.#locks.set(id, fd)
        this.#assertOwn(directory, mine)
        return true
      }
      close(this.#kernel, fd)
      if (result < 0) throw callError('flock', { args: `${JSON.stringify(directory)}, LOCK_EX` }, -result)
    }
  }

  /** Does another command work on it right now? */
  isLocked(id: string): boolean {
    if (this.#locks.has(id)) return false
    const fd = tryOpen(this.#kernel, this.directory(id), O.RDONLY | O.DIRECTORY | O.NOFOLLOW)
    // Gone: somebody has just removed it.
    if (fd < 0) return true
    const result = attempt(this.#kernel, 'flock', fd, LOCK_EX | LOCK_NB)
    close(this.#kernel, fd)
    return result !== 0
  }

  #refuseTaken(id: string): never {
    const isIncomplete = this.find(id) === 'incomplete'
    const why = isIncomplete ? `, though not complete: ${this.#whyIncomplete(id)}` : ''
    throw new StateError(`A container with the id ${JSON.stringify(id)} exists already${why}`, {
      state: isIncomplete ? 'creating' : 'created',
      wanted: 'absent',
    })
  }

  #whyIncomplete(id: string): string {
    return this.isLocked(id)
      ? 'another command makes or removes it right now'
      : `the command that made it was killed; carrel-oci delete --force ${id} removes what is left`
  }

  #read(id: string): ContainerRecord | undefined {
    const text = readOwnFile(this.#kernel, `${this.directory(id)}/${STATE_FILES.record}`)
    return text === undefined ? undefined : this.#parse(id, text)
  }

  #parse(id: string, text: string): ContainerRecord {
    try {
      return parseRecord(id, text)
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error
      const file = `${this.directory(id)}/${STATE_FILES.record}`
      throw new InvalidInputError(
        `The state of container ${JSON.stringify(id)} cannot be believed: ${error.message} (${file})`,
        {
          field: error.field,
          cause: error,
        },
      )
    }
  }
}
