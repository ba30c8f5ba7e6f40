import { Cradle } from '../container/cradle.ts'
import type { HostFacts } from '../host/facts.ts'
import { readHostFacts } from '../host/probe.ts'
import { Agent } from '../process/agent.ts'

/** What all sandboxes of this process are made with. */
export interface Workshop {
  readonly root: Agent
  /** Read once: what a machine can do does not change while a process runs */
  readonly facts: HostFacts
  /** undefined where network namespaces cannot be made beforehand (an ordinary user), and until the first is ready */
  cradle?: Cradle
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
    const shop: Workshop = { root: await starting, facts }
    void shop.root.exited.then(forget)
    // Not awaited: the first sandbox makes its network itself rather than wait.
    if (facts.capabilities.includes('CAP_SYS_ADMIN')) {
      Cradle.start(shop.root).then(
        (cradle) => (shop.cradle = cradle),
        () => {},
      )
    }
    return shop
  } catch (error) {
    forget()
    throw error
  }
}
