import type { Agent } from '../process/agent.ts'
import { freshNetworkProgram } from '../plan/cradle-program.ts'

/** A process that makes the first processes of sandboxes. */
export interface Maker {
  readonly agent: Agent
  /** Called as soon as it has its order */
  used(): void
}

/**
 * A child of the root agent that sits in a network namespace which nobody else uses: what it makes is born there. A new network
 * namespace is the dearest of all (about a third of a whole start), and this one is made while the sandbox before it is busy.
 * Its namespaces belong to the host's user namespace, so nobody in a sandbox can configure its network.
 */
export class Cradle implements Maker {
  readonly agent: Agent
  #fresh = false

  private constructor(agent: Agent) {
    this.agent = agent
  }

  /** @throws SyscallError when this process may not make network namespaces */
  static async start(root: Agent): Promise<Cradle> {
    const cradle = new Cradle(await root.fork())
    await cradle.#renew()
    return cradle
  }

  /** Itself, once, when its namespace is unused; undefined while the next one is being made. */
  take(): Cradle | undefined {
    if (!this.#fresh) return undefined
    this.#fresh = false
    return this
  }

  used(): void {
    // One that fails leaves the cradle stale, and sandboxes make their own namespaces again.
    this.#renew().catch(() => {})
  }

  async #renew(): Promise<void> {
    await this.agent.run(freshNetworkProgram())
    this.#fresh = true
  }
}
