import type { Summary } from './samples.ts'
import { ratioOf, summarize } from './samples.ts'

/** A thing that is timed: does it `count` times and says how long each took. */
export interface Subject {
  readonly name: string
  /** How often in one round */
  readonly batch: number
  measure(count: number): Promise<readonly number[]>
}

/** What was measured of several subjects in one run. */
export class Measured {
  readonly #batches = new Map<string, (readonly number[])[]>()
  readonly #failures = new Map<string, string>()

  /** What could not be measured, and why. */
  get failures(): readonly string[] {
    return [...this.#failures].map(([name, error]) => `${name}: FAILED: ${error}`)
  }

  fail(name: string, error: unknown): void {
    this.#failures.set(name, error instanceof Error ? error.message.trim() : String(error))
    this.#batches.delete(name)
  }

  hasFailed(name: string): boolean {
    return this.#failures.has(name)
  }

  add(name: string, batch: readonly number[]): void {
    const batches = this.#batches.get(name)
    if (batches) batches.push(batch)
    else this.#batches.set(name, [batch])
  }

  has(name: string): boolean {
    return this.#batches.has(name)
  }

  summary(name: string): Summary {
    return summarize(this.#of(name).flat())
  }

  /** How many times as long `name` took as `other`. */
  ratio(name: string, other: string): number {
    return ratioOf(this.#of(name), this.#of(other))
  }

  #of(name: string): readonly (readonly number[])[] {
    return this.#batches.get(name) ?? []
  }
}

/** Measures all subjects in turn, A B C A B C …, after `warmUp` rounds that do not count. One that fails is left out from then on. */
export async function interleave(subjects: readonly Subject[], rounds: number, warmUp = 1): Promise<Measured> {
  const measured = new Measured()
  for (let round = -warmUp; round < rounds; round++) {
    for (const subject of subjects) {
      if (measured.hasFailed(subject.name)) continue
      try {
        const batch = await subject.measure(subject.batch)
        if (round >= 0) measured.add(subject.name, batch)
      } catch (error) {
        measured.fail(subject.name, error)
        process.exitCode = 1
      }
    }
  }
  return measured
}
