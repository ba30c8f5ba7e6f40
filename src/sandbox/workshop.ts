import { Cradle } from '../container/cradle.ts'
import type { HostFacts } from '../host/facts.ts'
import { readHostFacts } from '../host/probe.ts'
import type { Settings } from '../plan/settings.ts'
import { Agent } from '../process/agent.ts'
import { parseOptions } from './parse-options.ts'

/** What all sandboxes of this process are made with. */
export interface Workshop {
  readonly root: Agent
  /** Read once: what a machine can do does not change while a process runs */
  readonly facts: HostFacts
  /** undefined where an ordinary user cannot make one, and until it is ready */
  cradle?: Cradle | undefined
  /** Sandboxes made so far */
  made: number
}

let current: Promise<Workshop> | undefined

/** One root agent serves all sandboxes of this process: it costs nothing while idle and ends with it. */
export function workshop(): Promise<Workshop> {
  current ??= open()
  return current
}

async function open(): Promise<Workshop> {
  const forget = () => (current = undefined)
  try {
    const starting = Agent.start()
    const facts = readHostFacts()
    const shop: Workshop = { root: await starting, facts, made: 0 }
    void shop.root.exited.then(forget)
    return shop
  } catch (error) {
    forget()
    throw error
  }
}

/** Not awaited: sandboxes are made without it rather than wait. */
function makeCradle(shop: Workshop): void {
  if (!shop.facts.capabilities.includes('CAP_SYS_ADMIN')) return
  Cradle.start(shop.root, parseOptions({}), shop.facts).then(
    (cradle) => {
      shop.cradle = cradle
      void cradle.agent.exited.then(() => {
        if (shop.cradle === cradle) shop.cradle = undefined
      })
    },
    () => {},
  )
}

/**
 * The cradle, when it is free and fits. It is made when a second sandbox shows that there will be more; a stale one is let go of,
 * and ends with the last sandbox that was born in it.
 */
export function takeCradle(shop: Workshop, settings: Settings): Cradle | undefined {
  shop.made++
  const stale = shop.cradle?.stale ? shop.cradle : undefined
  if (stale) {
    shop.cradle = undefined
    void stale.retire()
  }
  if (stale || shop.made === 2) makeCradle(shop)
  return shop.cradle?.take(settings)
}
