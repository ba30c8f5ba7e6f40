/** How many may be served at the same time. */
export interface ConnectionLimits {
  readonly connections: number
  /** From one address, or of one user over a unix socket */
  readonly perAddress: number
}

/** Why somebody is not let in, or how they leave. */
export type Admission = { readonly refused: string } | { readonly refused?: undefined; readonly leave: () => void }

/** Counts who is in. */
export class Admissions {
  readonly #limits: ConnectionLimits
  readonly #perKey = new Map<string, number>()
  #total = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  get total(): number {
    return this.#total
  }

  /** @param key what `perAddress` counts */
  admit(key: string): Admission {
    const { connections, perAddress } = this.#limits
    const mine = this.#perKey.get(key) ?? 0
    if (this.#total >= connections) return { refused: `all ${connections} places are taken: try again later` }
    if (mine >= perAddress) return { refused: `${perAddress} connections from one address are the most` }
    this.#total++
    this.#perKey.set(key, mine + 1)
    let isIn = true
    const leave = () => {
      if (!isIn) return
      isIn = false
      this.#total--
      const left = (this.#perKey.get(key) ?? 1) - 1
      if (left > 0) this.#perKey.set(key, left)
      else this.#perKey.delete(key)
    }
    return { leave }
  }
}
