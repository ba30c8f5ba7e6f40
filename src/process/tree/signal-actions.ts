import { InvalidInputError } from '../../base/errors.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import { signalName, signalNumber } from '../../linux/signal.ts'
import type { Signal } from '../../linux/tables/signals.ts'
import { program } from '../../program/builder.ts'
import { SIGNALS } from '../../protocol/layout.ts'
import { FRAMES } from '../../protocol/wire.ts'
import type { CaughtSignal } from './caught.ts'
import { frameOf } from '../../protocol/frames.ts'
import { shown } from '../check-options.ts'
import type { Member } from './member.ts'
import { WAKE } from './wake.ts'

/** What a signal does: the kernel's default, nothing, an event of `events()`, or an event and a call of this function. */
export type SignalAction = 'SIG_DFL' | 'SIG_IGN' | 'event' | ((signal: CaughtSignal) => void)

const ACTIONS: readonly unknown[] = ['SIG_DFL', 'SIG_IGN', 'event', null]

/** A signal's kernel name or number. */
export type SignalArg = Signal | number

/** With SIG_IGN the kernel would reap the children itself (wait(2)), and nobody could tell how they ended. */
const SIGCHLD = signalNumber('SIGCHLD')

/** The signals that a process watches, and who is told. */
export class SignalActions {
  readonly #member: Member
  readonly #watched = new Map<number, 'event' | ((signal: CaughtSignal) => void)>()

  constructor(member: Member) {
    this.#member = member
  }

  /** Replaces the signals that come as events. @throws InvalidInputError for an unknown name */
  watch(signals: readonly (SignalArg | (string & {}))[]): void {
    if (!Array.isArray(signals)) {
      throw new InvalidInputError(`signals is a list of names and numbers, not ${shown(signals)}`, { field: 'signals' })
    }
    const numbers = (signals as readonly (SignalArg | (string & {}))[]).map((signal) => watchable(signal))
    this.#watched.clear()
    for (const number of numbers) this.#watched.set(number, 'event')
    this.#member.channel.post(FRAMES.SIGNALS, frameOf(this.#mask()))
  }

  /**
   * Sets what a signal does (null: only asks) and tells what it did.
   * @throws SyscallError EINVAL for SIGKILL and SIGSTOP; InvalidInputError
   */
  async set(signal: SignalArg, action: SignalAction | null, options?: CallOptions): Promise<SignalAction> {
    if (typeof action !== 'function' && !ACTIONS.includes(action)) {
      const why = `action is SIG_DFL, SIG_IGN, event, a function, or null to ask, not ${shown(action)}`
      throw new InvalidInputError(why, { field: 'action' })
    }
    const number = action === null ? signalNumber(signal) : watchable(signal)
    if (number === SIGCHLD && action === 'SIG_IGN') {
      const why =
        "SIGCHLD tells the agent that its children have ended, and cannot be ignored: watch it with 'event', or leave it"
      throw new InvalidInputError(why, { field: 'action' })
    }
    const before = this.#watched.get(number)
    const isEvent = typeof action === 'function' || action === 'event'
    if (action !== null && !isEvent && before !== undefined) {
      this.#watched.delete(number)
      await this.#select(options)
    }
    const old = await this.#disposition(number, isEvent ? 'SIG_DFL' : action, options)
    if (isEvent) {
      this.#watched.set(number, action)
      await this.#select(options)
    }
    return before ?? old
  }

  /** A watched signal came. What a callback throws is its caller's, not the connection's: it is an uncaught exception. */
  came(signal: CaughtSignal): void {
    const action = this.#watched.get(signalNumber(signal.signal))
    if (typeof action !== 'function') return
    try {
      action(signal)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }

  #select(options?: CallOptions): Promise<void> {
    return this.#member.order(FRAMES.SIGNALS, this.#mask(), 'signalfd4', options)
  }

  #mask(): Uint8Array {
    const payload = new Uint8Array(SIGNALS.size)
    let mask = 0n
    for (const number of this.#watched.keys()) mask |= 1n << BigInt(number - 1)
    new DataView(payload.buffer).setBigUint64(SIGNALS.mask, mask, true)
    return payload
  }

  async #disposition(
    number: number,
    action: 'SIG_DFL' | 'SIG_IGN' | null,
    options?: CallOptions,
  ): Promise<'SIG_DFL' | 'SIG_IGN'> {
    const p = program()
    p.rt_sigaction(number, action)
    const result = await this.#member.run(p, options)
    const { handler } = result.value(0) as { readonly handler: number | bigint }
    return Number(handler) === 1 ? 'SIG_IGN' : 'SIG_DFL'
  }
}

function watchable(signal: SignalArg | (string & {})): number {
  const number = signalNumber(signal)
  if (Number.isInteger(number) && number >= 1 && number < WAKE) return number
  throw new InvalidInputError(
    `signal is one from 1 to ${WAKE - 1}, not ${signalName(number)}: the last one wakes agents up`,
    { field: 'signal' },
  )
}
