import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until `holds` gives something true, and gives it; fails with what `describe` says after `timeoutMs`. */
export async function eventually<T>(
  holds: () => T | undefined | false | Promise<T | undefined | false>,
  describe: () => string,
  timeoutMs = 20_000,
): Promise<T> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const value = await holds()
    if (value) return value
    if (performance.now() > end) throw new Error(`Not within ${timeoutMs} ms: ${describe()}`)
    await sleep(2)
  }
}
