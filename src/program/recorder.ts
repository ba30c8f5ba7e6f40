import { SyscallError } from '../base/errors.ts'
import { errnoNumber } from '../linux/errno.ts'
import { REPLY } from '../protocol/layout.ts'
import type { Program } from './builder.ts'
import { ProgramResult } from './result.ts'

/** What a recorder answers for a step: its return value, or the name of an error. */
export type Answer = number | string

/**
 * Runs programs without a process: keeps them and answers as told. For tests of code that decides, and for listings.
 * Every step returns 0 unless `answer` says otherwise; what the kernel would write is zeros.
 */
export class Recorder {
  readonly programs: Program[] = []
  readonly #answer: (name: string, index: number, program: Program) => Answer

  constructor(answer: (name: string, index: number, program: Program) => Answer = () => 0) {
    this.#answer = answer
  }

  /** @throws SyscallError for the first error that its step does not tolerate */
  async run(p: Program): Promise<ProgramResult> {
    this.programs.push(p)
    const results: number[] = []
    let error = 0
    for (const [index, step] of p.steps.entries()) {
      const answer = this.#answer(step.name, index, p)
      const value = typeof answer === 'string' ? -errnoNumber(answer) : answer
      results.push(value)
      if (value < 0 && !(typeof answer === 'string' && step.tolerated.includes(answer))) {
        error = -value
        break
      }
    }
    const result = new ProgramResult(p, replyPayload(results, error, p), [])
    if (result.failure) throw new SyscallError(result.failure)
    return result
  }

  /** All that was run, in strace notation. */
  toString(): string {
    return this.programs.map(String).join('\n')
  }
}

function replyPayload(results: readonly number[], error: number, p: Program): Uint8Array {
  const payload = new Uint8Array(REPLY.size + 8 * results.length + p.replySize + p.returnedSize)
  const view = new DataView(payload.buffer)
  view.setUint32(REPLY.results, results.length, true)
  view.setInt32(REPLY.error, error, true)
  view.setUint32(REPLY.reply, p.replySize, true)
  view.setUint32(REPLY.data, p.returnedSize, true)
  results.forEach((value, i) => view.setBigInt64(REPLY.size + 8 * i, BigInt(value), true))
  return payload
}
