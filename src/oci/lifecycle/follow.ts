import { call } from '../../kernel/call.ts'
import { close, O, tryOpen } from '../../kernel/descriptors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { socketPair } from '../../kernel/socket.ts'
import { SyncAgent } from '../../kernel/agent.ts'
import { type Program, program } from '../../program/builder.ts'
import type { Config } from '../../bundle/spec.ts'
import type { Context } from '../context.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { Created } from './create-container.ts'
import { STATE_FILES } from '../state/state-store.ts'
import { LIMITS } from '../../protocol/wire.ts'
import { instanceOf } from './record-of.ts'

const PR_SET_CHILD_SUBREAPER = 36

/** Orphans of a maker that ends come to this process, which is to wait for one of them. */
export function adoptOrphans(kernel: Kernel): void {
  call(kernel, 'prctl', { args: 'PR_SET_CHILD_SUBREAPER, 1' }, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

/** A process to wait for in the place of this command. */
export interface Followed {
  readonly pid: number
  readonly master?: number
  /** What is left to do at its end, and the command that does more of it when this fails or is absent */
  readonly cleanup?: Program
  /** Descriptors for that program: the agent has them behind the terminal's master */
  readonly held?: readonly number[]
  readonly command?: readonly string[]
}

/**
 * Becomes the process that waits: 20 KiB instead of an engine of JavaScript, which passes signals on, relays the terminal, cleans up
 * and ends with the status of the container (agent/follow.c).
 */
export function follow(kernel: Kernel, { pid, master, cleanup, held = [], command = [] }: Followed): never {
  const [ours, theirs] = socketPair(kernel)
  const orders = SyncAgent.fresh(kernel, ours)
  if (cleanup) orders.cleanup(1, cleanup)
  orders.follow({ pid, terminal: master !== undefined, command })
  close(kernel, ours)
  return kernel.becomeAgent(theirs, [...(master === undefined ? [] : [master]), ...held], ['-f'])
}

/** What a caller has to remove besides what `delete` does. */
export interface OwnEnd {
  /** Descriptor of a directory, held until the end, and names of files in it; without it only the command removes */
  readonly files?: { readonly directory: number; readonly names: readonly string[] }
  /** Adds further steps to the program that removes them, for when the groups are gone */
  readonly also?: (p: Program) => void
  /** Words that remove all of it and the container, in the place of `delete`; the exit code is the last word */
  readonly command: readonly string[]
}

export interface FollowOptions {
  /** Leave a stopped container */
  readonly keep: boolean
  readonly end?: OwnEnd
}

/** Stays with a container until its end, then deletes it unless it is to be kept. */
export function followContainer(created: Created, options: FollowOptions): never {
  const { creation, record, ready } = created
  creation.context.log.flush()
  const { config } = creation.bundle
  return stayUntilEnd(creation.context, {
    record,
    config,
    ...options,
    ...(ready.master === undefined ? {} : { master: ready.master }),
  })
}

/** What is known of a container that a command stays with. */
export interface Stay extends FollowOptions {
  readonly record: ContainerRecord
  readonly config: Config
  readonly master?: number
}

/** Becomes the process that waits for a container; the processes that made it have ended. */
export function stayUntilEnd(context: Context, stay: Stay): never {
  const { record, keep, master, end } = stay
  const { kernel, store } = context
  // Held before others may delete it.
  const removing = isSimple(stay) ? removal(context, stay, LIMITS.KEPT + (master === undefined ? 0 : 1)) : {}
  store.release(record.id)
  return follow(kernel, {
    pid: record.pid,
    ...(master === undefined ? {} : { master }),
    ...(keep ? { cleanup: program() } : {}),
    ...removing,
    command: end?.command ?? deleteWords(context, record),
  })
}

/** Whether a program removes all that there is of it. */
const isSimple = ({ record, config, keep, end }: Stay): boolean =>
  !keep && !config.hooks?.poststop && !record.scope && !record.closDirectory && (!end || end.files !== undefined)

const deleteWords = ({ kernel, options }: Context, record: ContainerRecord): readonly string[] => [
  ...[...kernel.self, '--root', options.root],
  ...['delete', '--force', record.id, '--of', instanceOf(record), '--exit-code'],
]

/**
 * What `delete` does for a container that made no groups of its own and left nobody behind. Somebody else may have deleted it by then, and
 * another may have its id: the state directory is held by descriptor, locked, and still has a record, or all is left to the command.
 */
function removal(
  { kernel, store }: Context,
  { record: { id, groups }, end }: Stay,
  held: number,
): Pick<Followed, 'cleanup' | 'held'> {
  const directory = store.directory(id)
  const state = tryOpen(kernel, directory, O.RDONLY | O.DIRECTORY | O.NOFOLLOW)
  if (state < 0) return {}
  const p = program()
  p.because('state', 'Nobody else works on it, and it is there still: EAGAIN or ENOENT leaves it to "delete"')
  p.fcntl(held, 'F_SETFD', FD_CLOEXEC)
  p.flock(held, ['LOCK_EX', 'LOCK_NB'])
  p.statx(held, STATE_FILES.record, ['AT_SYMLINK_NOFOLLOW'], ['STATX_TYPE'])
  if (end?.files) {
    p.because('state', 'What the caller keeps beside it, in a directory of its own')
    p.fcntl(held + 1, 'F_SETFD', FD_CLOEXEC)
    for (const name of end.files.names) p.tolerate('ENOENT').unlinkat(held + 1, name, [])
  }
  p.because('cgroups', 'The container has ended: its groups are empty')
  for (const place of groups) p.tolerate('ENOENT').unlinkat('AT_FDCWD', place.directory, ['AT_REMOVEDIR'])
  end?.also?.(p)
  p.because('state', 'The record first: no reader sees half of it')
  for (const name of [STATE_FILES.record, STATE_FILES.config, STATE_FILES.tracer]) {
    p.tolerate('ENOENT').unlinkat(held, name, [])
  }
  p.tolerate('ENOENT').unlinkat('AT_FDCWD', directory, ['AT_REMOVEDIR'])
  return { cleanup: p, held: [state, ...(end?.files ? [end.files.directory] : [])] }
}

const FD_CLOEXEC = 1
