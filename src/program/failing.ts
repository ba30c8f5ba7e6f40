import { InvalidInputError } from '../base/errors.ts'
import { FRAME, PROGRAM, STEP } from '../protocol/layout.ts'
import type { Program } from './builder.ts'

/** No system call on any architecture, no special step of the agent's, and below the numbers of x32 that filters kill for. */
const NO_CALL = 0x3fff_fff0

/**
 * A program like another one, but for one step: its call does not exist and no error of it is tolerated, so that the program stops
 * there. References of the original do not belong to it. For tests of what a start undoes.
 * @throws InvalidInputError when there is no such step
 */
export function failing(program: Program, index: number): Program {
  if (!program.step(index)) {
    throw new InvalidInputError(`index is ${index}: a step from 0 to ${program.length - 1} is wanted`, {
      field: 'index',
    })
  }
  const { frame, attached } = program.encode()
  const broken = { frame: withoutCall(frame, index), attached }
  return new Proxy(program, {
    get(whole, name) {
      if (name === 'encode') return () => broken
      const value: unknown = Reflect.get(whole, name, whole)
      return typeof value === 'function' ? (value as () => unknown).bind(whole) : value
    },
  })
}

function withoutCall(frame: Uint8Array, index: number): Uint8Array {
  const copy = frame.slice()
  const at = FRAME.size + PROGRAM.size + index * STEP.size
  new DataView(copy.buffer).setUint32(at + STEP.number, NO_CALL, true)
  copy.fill(0, at + STEP.tolerated, at + STEP.size)
  return copy
}
