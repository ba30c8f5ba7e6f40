import { InvalidInputError } from '../base/errors.ts'
import { choiceValue, nameOf } from './constant-set.ts'
import { SIGNALS, type Signal } from './tables/signals.ts'

let known: readonly (string | undefined)[] | undefined

const nameOfNumber = (n: number): string | undefined => {
  known ??= Array.from({ length: LAST + 1 }, (_, number) => (number ? nameOf(SIGNALS, number) : undefined))
  return known[n]
}

/** The name of a signal number, `SIGTERM`; `signal N` for one without a name. */
export const signalName = (signal: number): string => nameOfNumber(signal) ?? `signal ${signal}`

/**
 * The number of a signal: itself, or that of its name.
 * @throws InvalidInputError when there is no such signal
 */
export const signalNumber = (signal: Signal | number | (string & {})): number =>
  Number(choiceValue(SIGNALS, signal, 'x64', 'signal'))

/**
 * A mask of the kernel's sigset_t (bit n-1 is signal n) from names and numbers.
 * @throws InvalidInputError for what is no signal from 1 to 64
 */
export const signalMask = (signals: readonly (Signal | number)[], field = 'signals'): bigint =>
  signals.reduce((mask: bigint, signal, i) => mask | (1n << BigInt(maskedSignal(signal, `${field}[${i}]`) - 1)), 0n)

function maskedSignal(signal: unknown, field: string): number {
  const number = Number(choiceValue(SIGNALS, signal, 'x64', field))
  if (number >= 1 && number <= LAST) return number
  throw new InvalidInputError(`${field} must be a signal from 1 to ${LAST}, not ${number}`, { field })
}

/** Signals of a sigset_t, its last bit */
const LAST = 64

/** The signals in a mask, as strace prints them: `[HUP CHLD]`, or `~[…]` when most are set. */
export function printSignalMask(mask: bigint): string {
  const names = (wanted: boolean): string[] => {
    const found: string[] = []
    for (let n = 1; n <= 64; n++) {
      if (((mask >> BigInt(n - 1)) & 1n) === (wanted ? 1n : 0n)) found.push(shortName(n))
    }
    return found
  }
  const set = names(true)
  return set.length >= 43 ? `~[${names(false).join(' ')}]` : `[${set.join(' ')}]`
}

const shortName = (n: number): string =>
  n === 32 ? 'RTMIN' : n > 32 ? `RT_${n - 32}` : (nameOfNumber(n) ?? String(n)).replace(/^SIG/, '')
