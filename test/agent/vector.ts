import { FAULTS, GENERATION, LIMITS, VALUES, WIDTHS } from '../../src/protocol/wire.ts'
import { protocolHash } from '../../src/protocol/hash.ts'
import { concat, frame, hello, little, program, struct, type ProgramParts } from './encode.ts'

/** One connection: what Node sends, what the agent answers, its exit code, and how many descriptors it still has then. */
export interface Vector {
  readonly name: string
  readonly input: Uint8Array
  readonly answer: Uint8Array
  readonly code: number
  readonly descriptors: number
}

/** Numbers of agent/test/kernel.c: the call that answers its first argument, the pid, a child's pid, the first descriptor. */
export const ECHO = 1000
export const PID = 42
export const CHILD = 77
export const FIRST_FD = 1000
export const ENOSYS = 38

export const greeted = frame(
  'ANSWER_HELLO',
  struct('hello', { generation: GENERATION, pid: PID, hash: protocolHash() }),
  {
    id: 1,
  },
)
export const run = (parts: ProgramParts, descriptors = 0): Uint8Array =>
  frame('RUN', program(parts), { id: 7, descriptors })

export interface Answer {
  readonly error?: number
  readonly reply?: Uint8Array
  readonly data?: Uint8Array
  readonly descriptors?: number
}

export function reply(
  results: readonly (number | bigint)[],
  { error = 0, reply: bytes = new Uint8Array(0), data = new Uint8Array(0), descriptors = 0 }: Answer = {},
): Uint8Array {
  const head = struct('reply', { results: results.length, error, reply: bytes.length, data: data.length })
  const numbers = results.map((result) => little(BigInt(result), 8))
  return frame('REPLY', concat(head, ...numbers, bytes, data), { id: 7, descriptors })
}

export const fault = (code: keyof typeof FAULTS, value: number | bigint, id = 7): Uint8Array =>
  frame('FAULT', struct('fault', { code: FAULTS[code], value }), { id })

/** A connection that begins well and ends in order. */
export const good = (
  name: string,
  orders: readonly Uint8Array[],
  answers: readonly Uint8Array[],
  descriptors = 0,
): Vector => ({
  name,
  input: concat(hello(1), ...orders),
  answer: concat(greeted, ...answers),
  code: 0,
  descriptors,
})

/** A connection whose last frame is refused. */
export const refused = (
  name: string,
  order: Uint8Array,
  code: keyof typeof FAULTS,
  value: number | bigint,
  id = 7,
): Vector => ({
  name,
  input: concat(hello(1), order),
  answer: concat(greeted, fault(code, value, id)),
  code: 1,
  descriptors: 0,
})

export const firstFrame = (
  name: string,
  input: Uint8Array,
  code: keyof typeof FAULTS,
  value: number | bigint,
  id: number,
): Vector => ({
  name,
  input,
  answer: fault(code, value, id),
  code: 1,
  descriptors: 0,
})

export const text = (value: number): Uint8Array => new TextEncoder().encode(String(value).padEnd(LIMITS.TEXT, '\0'))
export const relocation = (width: keyof typeof WIDTHS, kind: keyof typeof VALUES, value: number, at = 0, step = 1) => ({
  step,
  at,
  kind: VALUES[kind],
  width: WIDTHS[width],
  value,
})
/** struct clone_args with nothing but an exit signal, SIGCHLD */
export const cloneArguments = concat(new Uint8Array(32), little(17n, 8), new Uint8Array(48))
