import { closeSync, readFileSync } from 'node:fs'
import { InvalidInputError, StateError, SyscallError } from '../../base/errors.ts'
import { errnoName } from '../../linux/errno.ts'
import { signalName, signalNumber } from '../../linux/signal.ts'
import type { Exit } from './exit.ts'
import { native } from '../../kernel/native.ts'

/** A process of the tree, seen from its parent: what is known of it whether it is an agent or a program. */
export class Child {
  /** Its pid as its parent sees it */
  readonly pid: number
  /** Settles only when somebody tells its end */
  readonly exited: Promise<Exit>
  /** As `exited`, and rejects with a StateError once nobody will tell */
  readonly told: Promise<Exit>
  /** It stays when the tree ends */
  kept = false
  /** What it gets when the connection to its parent ends, when that was said for it alone */
  signaloneof: number | undefined
  /** Its end was asked for by close() or exit() */
  #asked = false
  readonly #sent = new Set<string>()
  #pidfd: number
  #lost = false
  #exit: Exit | undefined
  #resolve!: (exit: Exit) => void
  #rejectTold!: (error: StateError) => void

  constructor(pid: number, pidfd: number) {
    this.pid = pid
    this.#pidfd = pidfd
    this.exited = new Promise((resolve) => (this.#resolve = resolve))
    this.told = new Promise((resolve, reject) => {
      this.#rejectTold = reject
      void this.exited.then(resolve)
    })
    this.told.catch(() => {})
  }

  /**
   * Its pid as this process sees it, from the pidfd (proc_pid_fdinfo(5), Linux 5.4); undefined when it has ended.
   * Other than `pid` when its parent lives in a pid namespace.
   */
  get hostPid(): number | undefined {
    if (this.#pidfd < 0) return undefined
    const [, pid] = /^Pid:\s*(-?\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${this.#pidfd}`, 'utf8')) ?? []
    return pid === undefined || pid === '-1' ? undefined : Number(pid)
  }

  /** Whether it has not ended; a zombie has, whoever may reap it. */
  get runs(): boolean {
    try {
      const stat = readFileSync(`/proc/${this.hostPid}/stat`, 'latin1')
      // The name, field 2, may hold anything; the last parenthesis ends it: proc_pid_stat(5).
      return stat[stat.lastIndexOf(')') + 2] !== 'Z'
    } catch {
      return false
    }
  }

  /** Whether its end, that of now or that to come, is what a handle asked for. */
  get asked(): boolean {
    return this.#asked || (this.#exit?.kind === 'signaled' && this.#sent.has(this.#exit.signal))
  }

  set asked(asked: boolean) {
    this.#asked = asked
  }

  /** Whether nobody will tell its end: the agent above it was let go */
  get isLost(): boolean {
    return this.#lost
  }

  get exit(): Exit | undefined {
    return this.#exit
  }

  /** Called once, by whoever hears of its end. */
  ended(exit: Exit): void {
    if (this.#exit) return
    this.#exit = exit
    if (this.#pidfd >= 0) closeSync(this.#pidfd)
    this.#pidfd = -1
    this.#resolve(exit)
  }

  /** Nobody will tell its end: the agent above it was let go. */
  letGo(): void {
    if (this.#pidfd >= 0) closeSync(this.#pidfd)
    this.#pidfd = -1
    this.#lost = true
    if (!this.#exit) this.#rejectTold(this.#outOfReach())
  }

  #outOfReach(): StateError {
    const why = `Process ${this.pid} was let go with the tree that it is in: find it again by its identity (openProcess)`
    return new StateError(why, { state: 'detached', wanted: 'attached' })
  }

  /** Sends a signal by pidfd_send_signal(2): a recycled pid is never hit. False when the process is gone. */
  kill(signal: string | number): boolean {
    const number = signalNumber(signal)
    if (!Number.isInteger(number) || number < 0 || number > 64) {
      const why = `signal is a name, or a number from 0 to 64, not ${number}`
      throw new InvalidInputError(why, { field: 'signal' })
    }
    if (this.#exit) return false
    if (this.#lost) throw this.#outOfReach()
    this.#sent.add(signalName(number))
    const errno = native().signal(this.#pidfd, number)
    if (errno === 0) return true
    const name = errnoName(errno)
    if (name === 'ESRCH') return false
    throw new SyscallError({
      call: 'pidfd_send_signal',
      args: `pidfd of ${this.pid}, ${signal}`,
      errno: name,
      step: 0,
      steps: 1,
    })
  }
}
