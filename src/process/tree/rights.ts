import { InvalidInputError, StateError } from '../../base/errors.ts'
import { allCalls, findCall } from '../../linux/calls/index.ts'
import { didYouMean } from '../../linux/nearest.ts'
import { signalName, signalNumber } from '../../linux/signal.ts'
import { machineArch } from '../../linux/arch.ts'
import { syscallNumber } from '../../linux/syscalls.ts'
import type { Program } from '../../program/builder.ts'
import { shown } from '../check-options.ts'
import type { SignalArg } from './signal-actions.ts'

/** What the holder of a handle on an agent may do; what is left out it may not. Watching its end is no right. */
export interface AgentRights {
  /**
   * Make system calls in it: any, which is as much as all other rights together (execve, kill and exit_group are calls), or these, by
   * the names of `agent.sys`
   */
  readonly call?: boolean | readonly string[]
  /** Make children, which are the maker's */
  readonly fork?: boolean
  /** Replace it by a program, which is the maker's; for the calls of `prepare` the right to them is needed too */
  readonly exec?: boolean
  /** Send it signals: any, or these */
  readonly signal?: boolean | readonly SignalArg[]
  /** Hear what it tells: the ends of children, signals */
  readonly events?: boolean
  /** Decide about it: options, filter, signals it watches, clean-up programs, reexec, detach, exit, close */
  readonly manage?: boolean
}

/** What the holder of a handle on a program may do; what is left out it may not. */
export interface ProcessRights {
  /** Read its output: streams, messages, credit */
  readonly read?: boolean
  /** Write to its standard input, and end it */
  readonly write?: boolean
  /** Send it signals: any, or these */
  readonly signal?: boolean | readonly SignalArg[]
}

const NAMES: Readonly<Record<string, readonly string[]>> = {
  agent: ['call', 'fork', 'exec', 'signal', 'events', 'manage'],
  process: ['read', 'write', 'signal'],
}

/** Rights as they are looked at: all of them, or those that were left over. */
export class Rights {
  readonly #given: AgentRights & ProcessRights
  readonly #calls: ReadonlySet<string> | undefined
  readonly #signals: ReadonlySet<number> | undefined

  /** @throws InvalidInputError for an unknown right, call or signal */
  constructor(of: 'agent' | 'process', given: AgentRights & ProcessRights) {
    if (typeof given !== 'object' || given === null) {
      throw new InvalidInputError(`rights are an object such as { signal: true }, not ${shown(given)}`, {
        field: 'rights',
      })
    }
    const known = NAMES[of] as readonly string[]
    for (const name of Object.keys(given)) {
      if (known.includes(name)) continue
      throw new InvalidInputError(`There is no right ${JSON.stringify(name)}${didYouMean(name, known)}`, {
        field: name,
      })
    }
    assertValues(given)
    this.#given = given
    if (Array.isArray(given.call)) this.#calls = new Set(given.call.map(kernelName))
    if (Array.isArray(given.signal)) this.#signals = new Set((given.signal as SignalArg[]).map(signalNumber))
  }

  /** Rights can only be given by somebody who has them. @throws StateError */
  assertIncludes(others: AgentRights & ProcessRights): void {
    for (const [name, value] of Object.entries(others)) if (value) this.assert(name as keyof AgentRights)
    if (this.#calls && others.call) this.#assertEach('call', others.call, (call) => this.#calls?.has(kernelName(call)))
    if (this.#signals && others.signal) {
      this.#assertEach('signal', others.signal, (signal) => this.#signals?.has(signalNumber(signal)))
    }
  }

  #assertEach<T>(right: string, wanted: boolean | readonly T[], has: (item: T) => boolean | undefined): void {
    if (!Array.isArray(wanted)) throw missing(`${right} without a list`)
    for (const item of wanted as readonly T[]) if (!has(item)) throw missing(`${right} ${String(item)}`)
  }

  /** @throws StateError */
  assert(right: keyof (AgentRights & ProcessRights)): void {
    if (!this.#given[right]) throw missing(right)
  }

  /** @throws StateError */
  assertSignal(signal: string | number): void {
    const number = signalNumber(signal)
    if (!this.#given.signal || (this.#signals && !this.#signals.has(number))) {
      throw missing(`signal ${signalName(number)}`)
    }
  }

  /** @throws StateError for the first step that makes a call without the right to it */
  assertSteps(steps: Program['steps']): void {
    this.assert('call')
    if (!this.#calls) return
    for (const { name } of steps) if (!this.#calls.has(name)) throw missing(`call ${name}`)
  }
}

/** What is no right is none: text where a list is wanted would otherwise be a right to everything. @throws InvalidInputError */
function assertValues(given: AgentRights & ProcessRights): void {
  for (const [name, value] of Object.entries(given) as [string, unknown][]) {
    const mayList = name === 'call' || name === 'signal'
    if (value === undefined || typeof value === 'boolean' || (mayList && Array.isArray(value))) continue
    throw new InvalidInputError(`${name} is true, false${mayList ? ' or a list of names' : ''}, not ${shown(value)}`, {
      field: name,
    })
  }
}

/** What a handle says after `handOver()`. */
export function givenAway(): StateError {
  const why = 'This handle was given away by handOver(): use the one that it returned'
  return new StateError(why, { state: 'given away', wanted: 'owner' })
}

function missing(right: string): StateError {
  const why = `This handle has no right to ${right}: it was restricted, ask whoever holds the full one`
  return new StateError(why, { state: 'restricted', wanted: right })
}

function kernelName(name: string): string {
  const kernel = findCall(name)?.name ?? name
  if (syscallNumber(machineArch(), kernel) !== undefined) return kernel
  throw new InvalidInputError(`There is no call ${JSON.stringify(name)}${didYouMean(name, Object.keys(allCalls()))}`, {
    field: 'call',
  })
}
