import type { Program } from '../program/builder.ts'

/** Programs kept for each owner */
const KEPT = 32

/**
 * Programs that were made before: an owner by identity, and text that names everything else that went into the program. Making
 * and encoding a long program costs more than running it.
 */
export class ProgramCache {
  readonly #owners = new WeakMap<object, Map<string, Program>>()

  get(owner: object, key: string, make: () => Program): Program {
    const programs = this.#owners.get(owner) ?? new Map<string, Program>()
    this.#owners.set(owner, programs)
    const known = programs.get(key)
    if (known) return known
    const made = make()
    const [oldest] = programs.keys()
    if (programs.size >= KEPT && oldest !== undefined) programs.delete(oldest)
    programs.set(key, made)
    return made
  }
}
