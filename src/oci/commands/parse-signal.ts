import { InvalidInputError } from '../../base/errors.ts'

const DEFAULT = 15
const LAST = 64

/** The first that the C library leaves to programs (signal(7)); names of others count from here and from the last. */
const RTMIN = 34

/**
 * The number of a signal: `9`, `KILL`, `sigkill`, `RTMIN+3`; TERM when none is given, or an empty one, as a script's unset variable is.
 * @throws InvalidInputError
 */
export async function parseSignal(word: string | undefined): Promise<number> {
  if (word === undefined || word === '') return DEFAULT
  const number = /^\d{1,3}$/.test(word) ? Number(word) : (realtime(word) ?? (await named(word)))
  if (number <= LAST) return number
  throw new InvalidInputError(`A signal is a number from 0 to ${LAST} or a name, not ${JSON.stringify(word)}`, {
    field: 'signal',
  })
}

function realtime(word: string): number | undefined {
  const match = /^(?:SIG)?RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/i.exec(word)
  if (!match) return undefined
  const base = match[1]!.toUpperCase() === 'MIN' ? RTMIN : LAST
  const number = base + (match[2] === '-' ? -1 : 1) * Number(match[3] ?? 0)
  return number >= RTMIN ? number : LAST + 1
}

/** Engines pass numbers: the table is for people. */
async function named(word: string): Promise<number> {
  const { signalNumber } = await import('../../linux/signal.ts')
  const upper = word.toUpperCase()
  return signalNumber(upper.startsWith('SIG') ? upper : `SIG${upper}`)
}
