import { statSync } from 'node:fs'
import type { HostFacts } from '../host/facts.ts'
import { type CradleFacts, type CradlePlan, fitsCradle, planCradle } from '../plan/cradle.ts'
import type { Settings } from '../plan/settings.ts'
import type { Agent } from '../process/agent.ts'

/** A process that makes the first processes of sandboxes. */
export interface Maker {
  readonly agent: Agent
  /** Called as soon as it has its order */
  used(): void
}

/**
 * A child of the root agent whose children are born with most of what a sandbox needs. It stands in a root file system without any
 * of the host's but its system directories, read-only, which it made once and its children share; and, unless they use the host's,
 * in a network namespace that nobody else uses, which it leaves to each child and replaces while that one is busy. Both belong to
 * the host's user namespace, so no sandbox can change them.
 */
export class Cradle implements Maker {
  readonly agent: Agent
  readonly facts: CradleFacts
  readonly #plan: CradlePlan
  readonly #like: Settings
  readonly #etcChanged: number
  #fresh = false

  private constructor(agent: Agent, plan: CradlePlan, like: Settings, facts: CradleFacts) {
    this.agent = agent
    this.facts = facts
    this.#plan = plan
    this.#like = like
    this.#etcChanged = etcChanged()
  }

  /**
   * @param like settings of the sandboxes that it is for
   * @throws SyscallError when this process may not make namespaces of this kind
   */
  static async start(root: Agent, like: Settings, facts: HostFacts): Promise<Cradle> {
    const agent = await root.clone(['CLONE_NEWNS', 'CLONE_NEWPID'])
    try {
      const plan = planCradle(like, facts)
      const opened = await agent.run(plan.base.program)
      const directories = Object.fromEntries(
        plan.directories.map((path, i) => [path, opened.get(plan.base.opened[i] as never) as number]),
      )
      const cradle = new Cradle(agent, plan, like, { directories })
      await cradle.#renew()
      return cradle
    } catch (error) {
      await agent.close()
      throw error
    }
  }

  /** Itself, once, when it fits the sandbox and its network is unused; undefined while the next one is being made. */
  take(settings: Settings): Cradle | undefined {
    if (!this.#fresh || !fitsCradle(settings, this.#like)) return undefined
    this.#fresh = false
    return this
  }

  /** Whether the host's /etc is no longer what the copies in it were made from. */
  get stale(): boolean {
    return etcChanged() !== this.#etcChanged
  }

  /** Ends when nothing that was born in it is left: it is the first process of their pid namespace. */
  async retire(): Promise<void> {
    const ends = this.agent.events()
    while (this.agent.children > 0 && !(await ends.next()).done);
    await this.agent.close()
  }

  used(): void {
    // One that fails leaves the cradle without a network for the next, and sandboxes make their own again.
    this.#renew().catch(() => {})
  }

  async #renew(): Promise<void> {
    if (this.#plan.network) await this.agent.run(this.#plan.network)
    this.#fresh = true
  }
}

/** Files are replaced by renaming: the directory's time tells. */
const etcChanged = (): number => statSync('/etc').mtimeMs
