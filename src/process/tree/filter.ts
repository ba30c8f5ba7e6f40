import { InvalidInputError } from '../../base/errors.ts'
import { machineArch } from '../../linux/arch.ts'
import { allCalls, findCall } from '../../linux/calls/index.ts'
import { nearest } from '../../linux/nearest.ts'
import { syscallNumber } from '../../linux/syscalls.ts'
import { FILTER } from '../../protocol/layout.ts'
import { FILTER_BITS, LIMITS } from '../../protocol/wire.ts'

/**
 * Calls by the names of `agent.sys` or of the kernel's table, and what the agent does itself: `fork` (any new child), `exec` (all that
 * an exec takes), `reexec`. `deny` forbids those, `allow` all others.
 */
export type CallFilter = { readonly deny: readonly string[] } | { readonly allow: readonly string[] }

/** Words that stand for more than one number, or for none of the kernel's. */
const WORDS: Readonly<Record<string, readonly (number | string)[]>> = {
  fork: [FILTER_BITS.CLONE],
  clone: [FILTER_BITS.CLONE],
  exec: [FILTER_BITS.DESCRIPTORS, 'execve', 'execveat', 'rt_sigprocmask'],
  reexec: [FILTER_BITS.REEXEC],
}

/** The names that a filter knows beside those of the kernel's table. */
export const FILTER_WORDS = Object.keys(WORDS)

/** The payload of a FILTER order. @throws InvalidInputError for an unknown name */
export function filterPayload(own: CallFilter, children: CallFilter): Uint8Array {
  const payload = new Uint8Array(FILTER.size)
  const view = new DataView(payload.buffer)
  write(view, FILTER.own, own, 'filter')
  write(view, FILTER.children, children, 'filter.children')
  return payload
}

function write(view: DataView, at: number, filter: CallFilter, field: string): void {
  const { deny: denied, allow } = (filter ?? {}) as { readonly deny?: unknown; readonly allow?: unknown }
  const names = denied ?? allow
  // With both, one of them would be passed over, and what was meant to be forbidden is not.
  if ((denied === undefined) === (allow === undefined) || !isNames(names)) {
    throw new InvalidInputError(`${field} is { deny: […] } or { allow: […] }, one of them, with names of calls`, {
      field,
    })
  }
  const deny = denied !== undefined
  const named = new Set(names.flatMap((name) => bitsOf(name, field)))
  for (let bit = 0; bit < LIMITS.FILTER; bit++) {
    if (named.has(bit) !== deny) continue
    const word = at + 8 * (bit >> 6)
    view.setBigUint64(word, view.getBigUint64(word, true) | (1n << BigInt(bit & 63)), true)
  }
}

const isNames = (names: unknown): names is readonly string[] =>
  Array.isArray(names) && names.every((name) => typeof name === 'string')

function bitsOf(name: string, field: string): readonly number[] {
  const word = Object.hasOwn(WORDS, name) ? WORDS[name] : undefined
  if (word) return word.flatMap((each) => (typeof each === 'number' ? [each] : bitsOf(each, field)))
  const kernel = findCall(name)?.name ?? name
  const number = syscallNumber(machineArch(), kernel)
  if (number !== undefined) return [number < FILTER_BITS.REEXEC ? number : FILTER_BITS.OTHERS]
  const guess = nearest(name, [...FILTER_WORDS, ...Object.keys(allCalls())])
  const why = guess === undefined ? 'use the names of agent.sys, fork, exec or reexec' : `did you mean ${guess}?`
  throw new InvalidInputError(`${field} has no call ${JSON.stringify(name)}: ${why}`, { field })
}
