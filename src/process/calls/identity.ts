import { closeSync, readFileSync } from 'node:fs'
import { succeeded } from '../../program/result.ts'
import { InvalidInputError, StateError, SyscallError } from '../../base/errors.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import { errnoName } from '../../linux/errno.ts'
import { signalNumber } from '../../linux/signal.ts'
import { program } from '../../program/builder.ts'
import type { Channel } from '../../kernel/addon.ts'
import type { Caller } from '../caller.ts'
import { native } from '../../kernel/native.ts'
import { waitFor } from '../connection/waiting.ts'

/** Which process is meant, for good: a pid alone is given to another process once its own has ended. Plain data, to be stored. */
export interface ProcessIdentity {
  /** As this process sees it */
  readonly pid: number
  /** Field 22 of proc_pid_stat(5): when it started, in clock ticks since the boot */
  readonly startTicks: number
  /** /proc/sys/kernel/random/boot_id */
  readonly bootId: string
}

/**
 * The identity of a process that lives, to be stored: of one that `detach()` leaves behind, for instance.
 * @throws StateError when there is no such process
 */
export function identityOf(pid: number): ProcessIdentity {
  if (!Number.isInteger(pid) || pid < 1) {
    throw new InvalidInputError(`pid must be an integer from 1 on, not ${pid}`, { field: 'pid' })
  }
  const startTicks = startOf(pid)
  if (startTicks === undefined) throw gone(pid, 'ended')
  return { pid, startTicks, bootId: bootId() }
}

/**
 * Opens the process of an identity. First a pidfd, then the start time: a process that got the number later has another one, and from then on the
 * pidfd means this process alone.
 * @param caller must see the same pids as this process: the host's
 * @throws StateError when it has ended, another process has its pid by now, or the caller is in another pid namespace
 */
export async function openIdentity(
  caller: Caller,
  identity: ProcessIdentity,
  options: CallOptions,
): Promise<OpenedProcess> {
  checkIdentity(identity)
  const { pid } = identity
  if (identity.bootId !== bootId()) throw gone(pid, 'of another boot')
  const p = program()
  p.send(p.pidfd_open(pid, []))
  const result = await caller.attempt(p, options)
  if (result.failure?.errno === 'ESRCH') throw gone(pid, 'ended')
  const pidfd = succeeded(result).descriptors[0] as number
  try {
    checkSame(identity, pidfd)
    return new OpenedProcess(identity, pidfd)
  } catch (error) {
    closeSync(pidfd)
    throw error
  }
}

/** It was stored somewhere, and may be anything. @throws InvalidInputError */
function checkIdentity(identity: unknown): void {
  const { pid, startTicks, bootId: boot } = (identity ?? {}) as Record<keyof ProcessIdentity, unknown>
  const isPid = Number.isInteger(pid) && Number(pid) > 0
  if (isPid && Number.isSafeInteger(startTicks) && typeof boot === 'string') return
  throw new InvalidInputError('identity must be what identityOf() gave: pid, startTicks and bootId', {
    field: 'identity',
  })
}

/** @throws StateError */
function checkSame(identity: ProcessIdentity, pidfd: number): void {
  const { pid } = identity
  const startTicks = startOf(pid)
  // After the start time was read: as long as the pidfd's process lives, its number is nobody else's.
  const [, number] = /^Pid:\s*(-?\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${pidfd}`, 'utf8')) ?? []
  if (startTicks === undefined || number === '-1') throw gone(pid, 'ended')
  if (Number(number) !== pid) {
    throw new StateError(`Process ${pid} of the agent is ${number} here: use an agent in this pid namespace`, {
      state: 'another pid namespace',
      wanted: 'an agent that sees the same pids as this process',
    })
  }
  if (startTicks !== identity.startTicks) throw gone(pid, 'another process')
}

const gone = (pid: number, state: string): StateError =>
  new StateError(`Process ${pid} is ${state === 'ended' ? 'gone' : state}`, { state, wanted: 'the same process' })

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

/** Start time of a process that has not ended; a zombie has. */
function startOf(pid: number): number | undefined {
  try {
    return startIn(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}

/** Field 22 of proc_pid_stat(5); undefined when field 3 says that the process has ended. */
export function startIn(stat: string): number | undefined {
  // The name, field 2, may hold anything; the last parenthesis ends it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state = ''] = fields
  return 'ZXx'.includes(state) ? undefined : Number(fields[22 - 3])
}

/** A process that is no child of anything here: it can be signalled and waited for, its exit code is its parent's to know. */
export class OpenedProcess implements AsyncDisposable {
  readonly identity: ProcessIdentity
  readonly #pidfd: number
  readonly #watch: Channel
  readonly #ended: Promise<void>
  #giveUp!: (error: StateError) => void
  #state: 'open' | 'ended' | 'closed' = 'open'
  #watchers = 0

  /** @param pidfd belongs to the handle from now on */
  constructor(identity: ProcessIdentity, pidfd: number) {
    this.identity = identity
    this.#pidfd = pidfd
    let end!: () => void
    this.#ended = new Promise((resolve, reject) => {
      end = resolve
      this.#giveUp = reject
    })
    this.#ended.catch(() => {})
    // A pidfd becomes readable when its process ends (pidfd_open(2)); the read that follows fails, which is how the end arrives.
    this.#watch = native().watch(
      pidfd,
      () => {
        this.#state = 'ended'
        end()
      },
      true,
    )
  }

  /** Sends a signal, to this process and no other; false when it has ended. @throws StateError, SyscallError */
  kill(signal: string | number): boolean {
    this.#assertNotClosed()
    const errno = native().signal(this.#pidfd, signalNumber(signal))
    // A process that has ended and was not waited for takes signals, to no effect.
    if (errno === 0) return this.#state === 'open'
    const name = errnoName(errno)
    if (name === 'ESRCH') return false
    const args = `pidfd of ${this.identity.pid}, ${signal}`
    throw new SyscallError({ call: 'pidfd_send_signal', args, errno: name, step: 0, steps: 1 })
  }

  /** Resolves when the process has ended; keeps the event loop alive until then. @throws StateError, TimeoutError, the signal's reason */
  async watch(options: CallOptions = {}): Promise<void> {
    this.#assertNotClosed()
    if (this.#watchers++ === 0) native().ref(this.#watch)
    try {
      await waitFor(this.#ended, `Process ${this.identity.pid} did not end`, options, () => {})
    } finally {
      if (--this.#watchers === 0 && !this.#isClosed) native().unref(this.#watch)
    }
  }

  /** Lets go of the process, which lives on. */
  close(): void {
    if (this.#isClosed) return
    this.#state = 'closed'
    native().close(this.#watch)
    this.#giveUp(closed())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  get #isClosed(): boolean {
    return this.#state === 'closed'
  }

  #assertNotClosed(): void {
    if (this.#isClosed) throw closed()
  }
}

const closed = (): StateError => new StateError('Handle of a process is closed', { state: 'closed', wanted: 'open' })
