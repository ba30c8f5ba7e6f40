import { InvalidInputError } from '../base/errors.ts'
import type { CallOptions } from '../linux/call-options.ts'
import { didYouMean } from '../linux/nearest.ts'

/**
 * Options of the caller's, who may not have types: nothing that was meant is passed over.
 * @throws InvalidInputError for what is no object, an unknown name, a wait that cannot be, a controller that is none
 */
export function checkOptions(options: unknown, known: readonly string[], what: string): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidInputError(`Options of ${what} are an object, not ${shown(options)}`, { field: 'options' })
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    throw new InvalidInputError(`${what} has no option ${JSON.stringify(name)}${didYouMean(name, known)}`, {
      field: name,
    })
  }
  checkLimits(options)
  if ('linked' in options) checkController(options.linked, 'linked')
}

/** @throws InvalidInputError when a wait cannot be limited like this */
export function checkLimits({ timeoutMs, signal }: CallOptions): void {
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs >= 0)) {
    throw new InvalidInputError(
      `timeoutMs is a number of milliseconds from 0 on, or Infinity, not ${shown(timeoutMs)}`,
      {
        field: 'timeoutMs',
      },
    )
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new InvalidInputError(`signal is an AbortSignal, not ${shown(signal)}`, { field: 'signal' })
  }
}

/** @throws InvalidInputError for what is no AbortController, its signal for instance */
export function checkController(controller: unknown, field: string): void {
  if (controller === undefined || controller instanceof AbortController) return
  const why = controller instanceof AbortSignal ? 'its signal' : shown(controller)
  throw new InvalidInputError(`${field} is an AbortController, not ${why}: it aborts the other side, too`, { field })
}

/** One of a few words. @throws InvalidInputError */
export function checkWord(value: unknown, words: readonly string[], field: string): void {
  if (value === undefined || words.includes(value as string)) return
  const guess = typeof value === 'string' ? didYouMean(value, words) : ''
  throw new InvalidInputError(`${field} is ${words.join(' or ')}, not ${shown(value)}${guess}`, { field })
}

/** A wrong value in a message: short, and never an error of its own. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return `${value.constructor?.name ?? 'Object'} object`
  return String(value)
}
