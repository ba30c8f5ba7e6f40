import { UnsupportedError } from '../base/errors.ts'
import { emptyOwnGroup } from '../cgroup/own-group.ts'
import { delegatedScope } from '../cgroup/systemd/index.ts'
import { Cradle } from '../container/cradle.ts'
import { collectGarbage, hasLeftovers } from '../container/gc.ts'
import type { Net } from '../features/namespaces/namespaces.ts'
import type { HostFacts } from '../host/facts.ts'
import { readHostFacts } from '../host/probe.ts'
import { readCgroupFacts } from '../host/process-source.ts'
import type { Settings } from '../plan/settings.ts'
import { Agent } from '../process/agent.ts'
import { parseOptions } from './parse-options.ts'

/** What all sandboxes of this process are made with. */
export interface Workshop {
  readonly root: Agent
  /** Read once, and again when the host's /etc has changed: what a machine can do does not change while a process runs */
  facts: HostFacts
  /** The same, ready for groups, by who makes them; see `factsFor` */
  readonly ready: Map<Settings['manager'], Promise<HostFacts>>
  /** A cradle for each kind of network, as sandboxes differ in it from birth on */
  readonly places: Readonly<Record<Net, Place>>
}

interface Place {
  /** undefined where an ordinary user cannot make one, and until it is ready */
  cradle: Cradle | undefined
  /** What the cradle was made with: one for other groups is of no use */
  facts: HostFacts | undefined
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
    const place = (): Place => ({ cradle: undefined, facts: undefined, made: 0 })
    const places = { none: place(), host: place() }
    const shop: Workshop = { root: await starting, facts, ready: new Map(), places }
    shop.root.onExit(forget)
    setImmediate(() => sweep(shop.root))
    return shop
  } catch (error) {
    forget()
    throw error
  }
}

/**
 * Removes what an owner that was killed together with its agents has left. Nobody waits for it, or hears of what fails: `carrel gc` tells.
 */
function sweep(root: Agent): void {
  try {
    if (hasLeftovers()) collectGarbage(root, null).catch(() => {})
  } catch {
    // A directory of records that cannot be believed: nothing in it is touched.
  }
}

/**
 * What this machine can do, when everything is done that comes before the first group: the own group emptied, or a scope asked for.
 * @throws UnsupportedError, StateError, SyscallError
 */
function factsFor(shop: Workshop, manager: Settings['manager']): Promise<HostFacts> {
  const known = shop.ready.get(manager) ?? makeReady(shop, manager)
  shop.ready.set(manager, known)
  known.catch(() => shop.ready.delete(manager))
  return known
}

async function makeReady(shop: Workshop, manager: Settings['manager']): Promise<HostFacts> {
  const { root, facts } = shop
  if (manager === 'files') return { ...facts, cgroups: await emptyOwnGroup(root, facts.cgroups) }
  if (manager === 'systemd') {
    await delegatedScope(root)
    return { ...facts, cgroups: await readCgroupFacts(root) }
  }
  if (facts.cgroups.manager === 'files') return factsFor(shop, 'files')
  try {
    return await factsFor(shop, 'systemd')
  } catch (error) {
    // Nobody has asked for systemd: what it does not let us have may still be had by files, or is refused with their reason.
    if (error instanceof UnsupportedError) return factsFor(shop, 'files')
    throw error
  }
}

/** Not awaited: sandboxes are made without it rather than wait. */
function makeCradle(shop: Workshop, net: Net, facts: HostFacts): void {
  if (!facts.capabilities.includes('CAP_SYS_ADMIN')) return
  const place = shop.places[net]
  Cradle.start(shop.root, parseOptions({ net }), facts).then(
    (cradle) => {
      place.cradle = cradle
      place.facts = facts
      cradle.agent.onExit(() => {
        if (place.cradle === cradle) place.cradle = undefined
      })
    },
    () => {},
  )
}

/** What a sandbox is made with. */
export interface Prepared {
  readonly facts: HostFacts
  /** The cradle, when it is free and fits */
  readonly maker: Cradle | undefined
}

/**
 * Finds what a sandbox is made with. A cradle is made when a second sandbox of its kind shows that there will be more; a stale one is
 * let go of, and ends with the last sandbox that was born in it.
 * @throws UnsupportedError, StateError, SyscallError when groups cannot be prepared for
 */
export async function prepare(shop: Workshop, settings: Settings): Promise<Prepared> {
  const place = shop.places[settings.net]
  place.made++
  const isDue = dropStale(shop, place) || place.made === 2
  const facts = await factsFor(shop, settings.manager)
  if (isDue) makeCradle(shop, settings.net, facts)
  return { facts, maker: place.facts === facts ? place.cradle?.take(settings) : undefined }
}

/** Whether there was one. The facts are read again before anything is made with them. */
function dropStale(shop: Workshop, place: Place): boolean {
  const { cradle } = place
  if (!cradle?.stale) return false
  place.cradle = undefined
  void cradle.retire()
  refresh(shop)
  return true
}

/** Reads again what the host is like; where its groups are made stays as it is. */
function refresh(shop: Workshop): void {
  const facts = readHostFacts()
  shop.facts = facts
  for (const [manager, ready] of shop.ready) {
    shop.ready.set(
      manager,
      ready.then(({ cgroups }) => ({ ...facts, cgroups })),
    )
  }
}
