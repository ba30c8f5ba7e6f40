import { InvalidInputError } from '../../base/errors.ts'
import type { Program } from '../../program/builder.ts'
import { FRAME, REPLY } from '../../protocol/layout.ts'
import { LIMITS } from '../../protocol/wire.ts'
import { shown } from '../check-options.ts'

/**
 * The bytes of a program, once it is known that they and their answer fit a frame: the agent would end at a longer one.
 * @param extra bytes that stand before the program in the frame's payload
 * @throws InvalidInputError
 */
export function encodeWithinLimit(p: Program, extra = 0): { readonly frame: Uint8Array; readonly attached: number } {
  if (typeof (p as Partial<Program> | null)?.encode !== 'function') {
    throw new InvalidInputError(`A program is what program() of carrel/program makes, not ${shown(p)}`, {
      field: 'program',
    })
  }
  const encoded = p.encode()
  const order = encoded.frame.length - FRAME.size + extra
  const answer = REPLY.size + 8 * p.length + p.replySize + p.returnedSize
  if (order > LIMITS.FRAME) throw tooLong(`Program has ${order} bytes`, 'run it in parts')
  if (answer > LIMITS.FRAME) throw tooLong(`Program's answer would have ${answer} bytes`, 'read in parts')
  return encoded
}

const tooLong = (what: string, remedy: string): InvalidInputError =>
  new InvalidInputError(`${what}, a frame holds ${LIMITS.FRAME}: ${remedy}`, { field: 'program' })
