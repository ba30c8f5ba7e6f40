import type { Program } from '../program/builder.ts'
import type { Exchange } from '../program/netlink-exchange.ts'
import type { ProgramResult } from '../program/result.ts'

/** Runs the programs of an exchange one after the other. */
export async function drivenBy<T>(steps: Exchange<T>, run: (p: Program) => Promise<ProgramResult>): Promise<T> {
  let next = steps.next()
  while (next.done !== true) {
    let result: ProgramResult
    try {
      result = await run(next.value)
    } catch (error) {
      next = steps.throw(error)
      continue
    }
    next = steps.next(result)
  }
  return next.value
}
