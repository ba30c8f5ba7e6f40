import { choiceValue, nameOf } from './constant-set.ts'
import { SIGNALS, type Signal } from './tables/signals.ts'

const NAMES: readonly (string | undefined)[] = Array.from({ length: 65 }, (_, n) =>
  n ? nameOf(SIGNALS, n) : undefined,
)

/** The name of a signal number, `SIGTERM`; `signal N` for one without a name. */
export const signalName = (signal: number): string => NAMES[signal] ?? `signal ${signal}`

/**
 * The number of a signal: itself, or that of its name.
 * @throws InvalidInputError when there is no such signal
 */
export const signalNumber = (signal: Signal | number | (string & {})): number =>
  Number(choiceValue(SIGNALS, signal, 'x64', 'signal'))

/** A mask of the kernel's sigset_t (bit n-1 is signal n) from names and numbers. */
export const signalMask = (signals: readonly (Signal | number)[]): bigint =>
  signals.reduce((mask: bigint, signal) => mask | (1n << BigInt(signalNumber(signal) - 1)), 0n)

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
  n === 32 ? 'RTMIN' : n > 32 ? `RT_${n - 32}` : (NAMES[n] ?? String(n)).replace(/^SIG/, '')
