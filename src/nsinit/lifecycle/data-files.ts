import { StateError, SyscallError } from '../../base/errors.ts'
import { readOwnFile, removeFile, writeAtomic } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { isAlive } from '../../kernel/process.ts'
import { stat } from '../../kernel/stat.ts'
import type { ContainerRecord } from '../../oci/state/container-record.ts'
import type { DataDirectory } from './data-directory.ts'
import { bootId } from './find-container.ts'
import { type NsinitState, stateOf } from './nsinit-state.ts'

/** Files that are in the data directory while the container lives, for others to find it by. */
export const DATA_FILES = ['pid', 'state.json'] as const
const [PID, STATE] = DATA_FILES

/** Bytes; ours has less than a thousand, and a container could make it as long as it likes */
const LONGEST_STATE = 64 * 1024

/** With what tells the files of a directory from those of a copy of it */
interface ToldState extends NsinitState {
  /** `identity` of the data directory */
  readonly directory: string
}

/** Writes both, `pid` last: who sees it finds the state too. @throws StateError for a directory that takes no file */
export function writeDataFiles(kernel: Kernel, { fd, path, identity }: DataDirectory, record: ContainerRecord): void {
  const told: ToldState = { ...stateOf(record), directory: identity }
  try {
    writeAtomic(kernel, [fd, STATE], `${JSON.stringify(told)}\n`, { mode: 0o644 })
    writeAtomic(kernel, [fd, PID], String(record.pid), { mode: 0o644 })
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    const remedy =
      error.errno === 'EISDIR'
        ? 'remove the directory of that name'
        : 'give another directory with container.json by --data-path'
    throw new StateError(`${path} takes no file "pid" or "state.json" (${error.errno}): ${remedy}`, {
      state: error.errno,
      wanted: 'writable',
    })
  }
}

/** Removes both. What is gone is no error; what a container has put in their place and cannot be removed is told by `warn`. */
export function removeDataFiles(kernel: Kernel, { fd, path }: DataDirectory, warn: (text: string) => void): void {
  for (const name of DATA_FILES) {
    try {
      // What is not there cannot be removed from a read-only file system either (EROFS).
      if (stat(kernel, [fd, name], { follow: false }) === undefined) continue
      removeFile(kernel, [fd, name])
    } catch (error) {
      warn(`${path}/${name} stays: ${(error as Error).message}`)
    }
  }
}

/**
 * Refuses a directory whose files name a live process that no record of this user's store knows: another user's container. Files that
 * were left behind name none: the process has ended, its number belongs to one that began at another time, the boot or the directory is another.
 * @throws StateError
 */
export function refuseOthersContainer(kernel: Kernel, { fd, path, identity }: DataDirectory): void {
  const state = readState(kernel, fd)
  if (!state || state.boot_id !== bootId(kernel) || state.directory !== identity) return
  if (!isAlive(kernel, state.init_pid, Number(state.init_start_time))) return
  throw new StateError(
    `${path}/state.json names process ${state.init_pid}, which lives and is no container that this user started: ` +
      'run nsinit as who started it, or remove the file when that is no container',
    { state: 'running', wanted: 'absent' },
  )
}

/** A container may have written anything there, so whatever has another form says nothing. */
function readState(kernel: Kernel, directory: number): ToldState | undefined {
  try {
    const state = JSON.parse(readOwnFile(kernel, [directory, STATE], LONGEST_STATE) ?? 'null') as ToldState | null
    return Number.isSafeInteger(state?.init_pid) && state!.init_pid > 0 ? state! : undefined
  } catch {
    return undefined
  }
}
