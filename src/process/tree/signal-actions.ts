import { InvalidInputError } from '../../base/errors.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import { signalName, signalNumber } from '../../linux/signal.ts'
import type { Signal } from '../../linux/tables/signals.ts'
import { program } from '../../program/builder.ts'
import { SIGNALS } from '../../protocol/layout.ts'
import { FRAMES } from '../../protocol/wire.ts'
import type { CaughtSignal } from './caught.ts'
import { frameOf } from '../connection/frames.ts'
import type { Member } from './member.ts'

/** What a signal does: the kernel's default, nothing, an event of `events()`, or an event and a call of this function. */
export type SignalAction = 'SIG_DFL' | 'SIG_IGN' | 'event' | ((signal: CaughtSignal) => void)

/** A signal's kernel name or number. */
export type SignalArg = Signal | number

/** The last real-time signal wakes an agent up (agent/signals.c): it cannot be watched. */
const WAKE = 64

/** The signals that a process watches, and who is told. */
export class SignalActions {
  readonly #member: Member
  readonly #watched = new Map<number, 'event' | ((signal: CaughtSignal) => void)>()

  constructor(member: Member) {
    this.#member = member
  }

  /** Replaces the signals that come as events. @throws InvalidInputError for an unknown name */
  watch(signals: readonly (SignalArg | (string & {}))[]): void {
    const numbers = signals.map((signal) => watchable(signal))
    this.#watched.clear()
    for (const number of numbers) this.#watched.set(number, 'event')
    this.#member.channel.post(FRAMES.SIGNALS, frameOf(this.#mask()))
  }

  /**
   * Sets what a signal does (null: only asks) and tells what it did.
   * @throws SyscallError EINVAL for SIGKILL and SIGSTOP; InvalidInputError
   */
  async set(signal: SignalArg, action: SignalAction | null, options?: CallOptions): Promise<SignalAction> {
    const number = action === null ? signalNumber(signal) : watchable(signal)
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

  /** A watched signal came. */
  came(signal: CaughtSignal): void {
    const action = this.#watched.get(signalNumber(signal.signal))
    if (typeof action === 'function') action(signal)
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
