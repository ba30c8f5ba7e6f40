import { CarrelError } from '../../base/errors.ts'
import { succeeded } from '../../program/result.ts'
import { type CallOptions, isCallOptions } from '../../linux/call-options.ts'
import { program } from '../../program/builder.ts'
import type { Agent } from '../agent.ts'
import type { Caller } from '../caller.ts'
import {
  addCall,
  type CallOperation,
  nextOf,
  type Operations,
  parseOperations,
  type PlacedOperation,
  printPlace,
  type RuledOperation,
} from './operation.ts'
import { limitsOf } from '../connection/waiting.ts'

/** How a task is carried out; the limits hold for each message of it. */
export interface TaskOptions<State = unknown> extends CallOptions {
  /** Makes the process; default: `caller.fork()` */
  readonly init?: (caller: Caller) => Promise<Agent>
  /** Ends the process after a failure; default: `child.close()` */
  readonly terminate?: (child: Agent, error: unknown) => unknown
  /** What the first operation gets as its state */
  readonly state?: State
}

/** A process on which a task has been carried out. */
export interface TaskResult<State> {
  readonly child: Agent
  readonly state: State
}

/** Where in the list of operations an error came from: `[2, 0]` is the first one of the list that is the third operation. */
export const operationOf = (error: unknown): readonly number[] | undefined =>
  typeof error === 'object' && error !== null ? places.get(error) : undefined

const places = new WeakMap<object, readonly number[]>()

/**
 * Makes a process and carries out operations in it. System calls that stand next to each other go out as one program. The first failure
 * ends the process and is thrown; `operationOf(error)` tells which operation it was.
 * @throws InvalidInputError before anything is done, naming the place of what is no operation
 * @throws whatever an operation throws
 */
export async function runTask<State>(
  caller: Caller,
  operations: Operations<State>,
  options: TaskOptions<State>,
): Promise<TaskResult<State>> {
  const placed = parseOperations(operations, 'operations')
  const child = await (options.init ? options.init(caller) : caller.fork(limitsOf(options)))
  const task = new Task(child, options)
  try {
    await task.carryOut(placed)
    return { child, state: task.state }
  } catch (error) {
    await terminate(child, error, options)
    throw error
  }
}

async function terminate<State>(child: Agent, error: unknown, options: TaskOptions<State>): Promise<void> {
  try {
    await (options.terminate ? options.terminate(child, error) : child.close())
  } catch (failure) {
    if (error instanceof CarrelError) error.cleanup.push(failure)
  }
}

class Task<State> {
  readonly #child: Agent
  readonly #limits: CallOptions
  /** System calls that have not been sent yet, and where each of them comes from */
  #waiting = program()
  #places: (readonly number[])[] = []
  #bytes = 0
  state: State

  constructor(child: Agent, options: TaskOptions<State>) {
    this.#child = child
    this.#limits = limitsOf(options)
    this.state = options.state as State
  }

  async carryOut(operations: readonly PlacedOperation[]): Promise<void> {
    for (const operation of operations) {
      if (operation.plain) {
        await this.#gather(operation, operation.plain)
      } else {
        await this.#flush()
        await this.#alone(operation)
      }
    }
    await this.#flush()
  }

  async #gather({ place }: PlacedOperation, call: CallOperation): Promise<void> {
    const p = this.#waiting
    this.#places.push(place)
    this.#bytes += bytesOf(call)
    try {
      addCall(p.because('task', `Operation ${printPlace(place)} of the task`), call)
    } catch (error) {
      throw located(error, place)
    }
    if (p.length >= MOST_STEPS || this.#bytes + p.replySize >= MOST_BYTES) await this.#flush()
  }

  /** Sends what has gathered as one program. */
  async #flush(): Promise<void> {
    const [p, origins] = [this.#waiting, this.#places]
    if (origins.length === 0) return
    this.#waiting = program()
    this.#places = []
    this.#bytes = 0
    const result = await this.#child.attempt(p, this.#limits)
    try {
      succeeded(result)
    } catch (error) {
      throw located(error, origins[result.failure?.step ?? 0] ?? [])
    }
  }

  async #alone({ rule, place }: PlacedOperation): Promise<void> {
    const next = await this.#nextOf(rule as RuledOperation<State>, place)
    if (next) await this.carryOut(next)
  }

  /** @throws the operation's error, unless its rule makes that its result */
  async #nextOf(rule: RuledOperation<State>, place: readonly number[]): Promise<PlacedOperation[] | undefined> {
    try {
      if ('state' in rule) this.state = rule.state as State
      const result = await this.#resultOf(rule)
      if (rule.transform) this.state = await rule.transform(result, this.state)
      const next = nextOf(result)
      return next && parseOperations(next.next, `operations${printPlace(place)}.next`, place)
    } catch (error) {
      throw located(error, place)
    }
  }

  async #resultOf(rule: RuledOperation<State>): Promise<unknown> {
    try {
      if (typeof rule.do === 'function') return await rule.do(this.#child, this.state)
      const [name, ...args] = rule.do
      const limits = isCallOptions(rule.do.at(-1)) || Object.keys(this.#limits).length === 0 ? [] : [this.#limits]
      const call = this.#child.sys[name] as (...args: readonly unknown[]) => Promise<unknown>
      return await call.call(this.#child.sys, ...args, ...limits)
    } catch (error) {
      if (rule.errexit !== false) throw error
      return error
    }
  }
}

/** Steps, and bytes of arguments and results, after which a program is sent: well within what a frame takes */
const MOST_STEPS = 256
const MOST_BYTES = 1024 * 1024

/** Bytes that a call brings along. */
const bytesOf = (call: CallOperation): number =>
  call.reduce<number>((sum, arg: unknown) => {
    return typeof arg === 'string' || arg instanceof Uint8Array ? sum + arg.length : sum
  }, 0)

function located(error: unknown, place: readonly number[]): unknown {
  if (typeof error === 'object' && error !== null && !places.has(error)) places.set(error, place)
  return error
}
