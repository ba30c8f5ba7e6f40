import { Cradle } from '../container/cradle.ts'
import type { Net } from '../features/namespaces/namespaces.ts'
import type { HostFacts } from '../host/facts.ts'
import { readHostFacts } from '../host/probe.ts'
import type { Settings } from '../plan/settings.ts'
import { Agent } from '../process/agent.ts'
import { parseOptions } from './parse-options.ts'

/** What all sandboxes of this process are made with. */
export interface Workshop {
  readonly root: Agent
  /** Read once, and again when the host's /etc has changed: what a machine can do does not change while a process runs */
  facts: HostFacts
  /** A cradle for each kind of network, as sandboxes differ in it from birth on */
  readonly places: Readonly<Record<Net, Place>>
}

interface Place {
  /** undefined where an ordinary user cannot make one, and until it is ready */
  cradle: Cradle | undefined
  /** Sandboxes of this kind made so far */
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
    const place = (): Place => ({ cradle: undefined, made: 0 })
    const shop: Workshop = { root: await starting, facts, places: { none: place(), host: place() } }
    shop.root.onExit(forget)
    return shop
  } catch (error) {
    forget()
    throw error
  }
}

/** Not awaited: sandboxes are made without it rather than wait. */
function makeCradle(shop: Workshop, net: Net): void {
  if (!shop.facts.capabilities.includes('CAP_SYS_ADMIN')) return
  const place = shop.places[net]
  Cradle.start(shop.root, parseOptions({ net }), shop.facts).then(
    (cradle) => {
      place.cradle = cradle
      cradle.agent.onExit(() => {
        if (place.cradle === cradle) place.cradle = undefined
      })
    },
    () => {},
  )
}

/**
 * The cradle, when it is free and fits. It is made when a second sandbox of its kind shows that there will be more; a stale one is
 * let go of, and ends with the last sandbox that was born in it.
 */
export function takeCradle(shop: Workshop, settings: Settings): Cradle | undefined {
  const place = shop.places[settings.net]
  place.made++
  const stale = place.cradle?.stale ? place.cradle : undefined
  if (stale) {
    place.cradle = undefined
    void stale.retire()
    shop.facts = readHostFacts()
  }
  if (stale || place.made === 2) makeCradle(shop, settings.net)
  return place.cradle?.take(settings)
}
