import { InvalidInputError, StateError, UnsupportedError } from '../base/errors.ts'
import { machineArch, type Arch } from '../linux/arch.ts'
import type { Call, EncodedOut } from '../linux/call.ts'
import { findCall } from '../linux/calls/index.ts'
import { errnoNumber } from '../linux/errno.ts'
import type { ProgramCalls } from '../linux/generated/signatures.ts'
import { rawParam } from '../linux/params.ts'
import { type Fd, Ref } from '../linux/ref.ts'
import { didYouMean } from '../linux/nearest.ts'
import { SYSCALLS, syscallNumber, type SyscallName } from '../linux/syscalls.ts'
import { waitsByNature } from '../linux/waits-by-nature.ts'
import { LIMITS } from '../protocol/wire.ts'
import { Image } from './image.ts'
import { listing } from './listing.ts'
import { RecordedStep, type StepRecord } from './recorded-step.ts'
import type { Reason, Step } from './step.ts'

/** Calls that would make two processes run on one stack, or end the loop behind its back: the agent has its own forms of them. */
const REFUSED = new Map([
  ['clone', 'clone()'],
  ['clone3', 'clone()'],
  ['fork', 'clone()'],
  ['vfork', 'clone()'],
  ['rt_sigreturn', 'nothing: a program has no signal frames'],
])

const NONE: readonly string[] = []
const NO_REASON: Reason = {}
const NO_OUTS: readonly EncodedOut[] = []

/** What is known of a system call by its name */
interface Known {
  readonly number: number
  /** Whether it may take any time at all */
  readonly waits: boolean
}

/** Of those that were asked for before. */
const known: Readonly<Record<Arch, Map<string, Known>>> = { x64: new Map(), arm64: new Map() }

/** A program that can be sent as it is: the bytes of a RUN frame after its header's place, and how many descriptors it wants. */
export interface EncodedProgram {
  readonly frame: Uint8Array
  readonly attached: number
}

/** A list of system calls as data: built by calls that look like the system calls, run in one message, printed in strace notation. */
export class ProgramBuilder {
  readonly arch: Arch
  readonly #image: Image
  readonly #known: Map<string, Known>
  readonly #records: StepRecord[] = []
  readonly #steps: Step[] = []
  readonly #sent: Ref<Fd>[] = []
  #attached = 0
  #reason: Reason = NO_REASON
  #tolerated: readonly string[] = NONE
  #errors: readonly number[] = []
  #encoded: EncodedProgram | undefined
  #broken = false
  #waits = false

  constructor(arch: Arch) {
    this.arch = arch
    this.#image = new Image(arch, this)
    this.#known = known[arch]
  }

  /** How many steps it has */
  get length(): number {
    return this.#records.length
  }

  get steps(): readonly Step[] {
    return this.#records.map((_, index) => this.step(index) as Step)
  }

  /** One of the steps; who needs few of them has no others made. */
  step(index: number): Step | undefined {
    const record = this.#records[index]
    return record && (this.#steps[index] ??= new RecordedStep(record, index))
  }

  /** References whose descriptors go to Node with the reply, in order. */
  get sent(): readonly Ref<Fd>[] {
    return this.#sent
  }

  /** Says which feature the following steps belong to, and why they exist; listings and errors show it. */
  because(feature: string, because: string): this {
    this.#reason = { feature, because }
    return this
  }

  /** Lets the next step fail with these errors: the program goes on, and steps that use its result are skipped. */
  tolerate(...errors: readonly string[]): this {
    this.#errors = errors.map(errnoNumber)
    this.#tolerated = errors
    return this
  }

  /** The n-th descriptor that the caller hands over when the program is run. */
  attached(index: number): Ref<Fd> {
    if (!Number.isInteger(index) || index < 0 || index >= LIMITS.DESCRIPTORS) {
      throw new InvalidInputError(`Attached descriptor ${index} is not within 0 to ${LIMITS.DESCRIPTORS - 1}`, {
        field: 'index',
      })
    }
    this.#attached = Math.max(this.#attached, index + 1)
    return new Ref<Fd>(this, { kind: 'attached', value: index }, `attached${index}`)
  }

  /** Has a descriptor go to Node with the reply; it is closed in the process afterwards. */
  send(fd: Ref<Fd>): this {
    this.#image.send(this.#image.wordOf(fd))
    this.#sent.push(fd)
    this.#encoded = undefined
    return this
  }

  /** Any system call of the kernel's table with plain arguments: numbers, strings (NUL-terminated), bytes, references. */
  syscall(name: SyscallName, ...args: readonly unknown[]): Ref<number> {
    return this.add(
      { name, params: args.map(() => rawParam), result: { type: 'number', ref: 'Ref<number>', kind: 'value' } },
      args,
    ) as Ref<number>
  }

  /** Adds a step with a number that is not looked up, for what the agent does itself. */
  addSpecial(number: number, call: Call, args: readonly unknown[], also?: readonly string[]): unknown {
    return this.add(call, args, { number, waits: waitsByNature(call.name) }, also)
  }

  /**
   * Adds a call of the table. The typed methods do nothing else. An engine that starts for one command interprets this some hundred times, which is
   * most of what such a command computes.
   */
  add(call: Call, args: readonly unknown[], special?: Known, also?: readonly string[]): unknown {
    const { number, waits } = special ?? this.#known.get(call.name) ?? this.#learn(call.name)
    const image = this.#image
    const tolerated = this.#tolerated
    this.#encoded = undefined
    if (waits || call.waits) this.#waits = true
    image.begin(number)
    if (tolerated !== NONE) {
      this.#tolerated = NONE
      image.tolerate(this.#errors)
    }
    // An argument that cannot be encoded leaves half a step: such a program is never sent.
    const wasBroken = this.#broken
    this.#broken = true
    const outs = encodeArguments(call, args, image)
    this.#broken = wasBroken
    const index = this.#records.push([call, args, this.#reason, tolerated, outs, also]) - 1
    if (call.result.kind === 'void') return undefined
    return outs === NO_OUTS ? new Ref(this, { kind: 'result', value: index }) : this.#reference(index, outs)
  }

  #reference(index: number, outs: readonly EncodedOut[]): unknown {
    const loads = outs.find((out) => out.loads)?.loads
    if (!loads) return new Ref(this, { kind: 'result', value: index })
    return Object.fromEntries(
      Object.entries(loads).map(([name, value]) => [
        name,
        new Ref<Fd>(this, { kind: 'load', value }, `r${index}.${name}`),
      ]),
    )
  }

  /** @throws InvalidInputError, UnsupportedError for what cannot be a step */
  #learn(name: string): Known {
    const instead = REFUSED.get(name)
    if (instead) throw new InvalidInputError(`${name} cannot be a generic step: use ${instead}`, { field: name })
    const number = syscallNumber(this.arch, name)
    if (number !== undefined) {
      const learned = { number, waits: waitsByNature(name) }
      known[this.arch].set(name, learned)
      return learned
    }
    if (!Object.values(SYSCALLS).some((table) => Object.hasOwn(table, name))) {
      const guess = didYouMean(name, Object.keys(SYSCALLS[this.arch]))
      throw new InvalidInputError(`There is no system call ${JSON.stringify(name)}${guess}`, { field: 'name' })
    }
    throw new UnsupportedError(`System call ${name} does not exist on ${this.arch}`, {
      fact: `syscall ${name}`,
      remedy: `use its successor (openat for open, unlinkat for unlink …)`,
    })
  }

  /** Whether it may take any time at all: one of its calls waits by nature. */
  get waits(): boolean {
    return this.#waits
  }

  /** Bytes that the kernel may write into, in the reply. */
  get replySize(): number {
    return this.#image.replySize
  }

  /** Bytes of its data that come back with the reply */
  get returnedSize(): number {
    return this.#image.returned
  }

  /** The program as bytes; the same array until a step is added. */
  encode(): EncodedProgram {
    if (this.#broken) {
      throw new StateError('Program has a step whose arguments were refused: build it anew', {
        state: 'broken',
        wanted: 'complete',
      })
    }
    this.#encoded ??= { frame: this.#image.finish(), attached: this.#attached }
    return this.#encoded
  }

  toString(): string {
    return listing(this.steps)
  }
}

function encodeArguments(call: Call, args: readonly unknown[], image: Image): readonly EncodedOut[] {
  const { name } = call
  let outs: EncodedOut[] | undefined
  let next = 0
  for (const param of call.params) {
    const out = param.encode(param.implied ? undefined : args[next++], image, name)
    if (out) outs = outs ? [...outs, out] : [out]
  }
  if (next < args.length) {
    throw new InvalidInputError(`${name} takes ${next} argument${next === 1 ? '' : 's'}, not ${args.length}`, {
      field: name,
    })
  }
  return outs ?? NO_OUTS
}

/**
 * Behind the builder's own methods: a typed system call becomes one of them when it is first asked for. Making all of them takes longer
 * than a short command does.
 */
const TYPED_CALLS = new Proxy(
  {},
  {
    get(none, name) {
      const call = typeof name === 'string' ? findCall(name) : undefined
      if (!call) return Reflect.get(none, name) as unknown
      const method = function (this: ProgramBuilder, ...args: unknown[]): unknown {
        return this.add(call, args)
      }
      Object.defineProperty(ProgramBuilder.prototype, name, { value: method })
      return method
    },
    has: (none, name) => Reflect.has(none, name) || (typeof name === 'string' && findCall(name) !== undefined),
  },
)
Object.setPrototypeOf(ProgramBuilder.prototype, TYPED_CALLS)

/** A program: the builder and a method per typed system call. */
export type Program = ProgramBuilder & ProgramCalls

/** Begins an empty program for an architecture, by default this machine's. */
export function program(options: { arch?: Arch } = {}): Program {
  return new ProgramBuilder(options.arch ?? machineArch()) as Program
}
