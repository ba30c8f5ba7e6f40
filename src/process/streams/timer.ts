import { checkLimits } from '../check-options.ts'

/** Longest delay of setTimeout(), 24 days: it takes a longer one for 1 ms */
const LONGEST_MS = 2 ** 31 - 1

/**
 * Acts after so many milliseconds; never when that is Infinity, or longer than a timer can be.
 * @throws InvalidInputError for what is no number of milliseconds
 */
export function timerFor(timeoutMs: number, action: () => void): NodeJS.Timeout | undefined {
  checkLimits({ timeoutMs })
  return timeoutMs > LONGEST_MS ? undefined : setTimeout(action, timeoutMs)
}
