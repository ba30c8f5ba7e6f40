import type { GroupPlace } from '../features/cgroups/group-place.ts'
import type { CgroupFacts, Controller, ControllerFacts } from '../host/facts.ts'
import { readCgroupFacts } from '../host/process-source.ts'
import type { Caller } from '../process/caller.ts'
import { readFiles } from './read-files.ts'

const known = new WeakMap<Caller, Promise<CgroupFacts>>()

/**
 * Where a process can make groups, as it sees it; read once for each handle on it, until `forgetFacts`.
 * @throws UnsupportedError where it sees no procfs; StateError, AgentError of the process
 */
export function factsOf(caller: Caller): Promise<CgroupFacts> {
  const facts = known.get(caller) ?? readCgroupFacts(caller)
  known.set(caller, facts)
  facts.catch(() => known.delete(caller))
  return facts
}

/** To be called when the process was put elsewhere, or the host has changed. */
export function forgetFacts(caller: Caller): void {
  known.delete(caller)
}

/** The own group was emptied, which is not to be done again. */
export function noteFacts(caller: Caller, facts: CgroupFacts): void {
  known.set(caller, Promise.resolve(facts))
}

/** The same facts for groups that are made in a given one, in its hierarchies alone. @throws SyscallError */
export async function factsBelow(
  caller: Caller,
  facts: CgroupFacts,
  places: readonly GroupPlace[],
): Promise<CgroupFacts> {
  const controllers: Partial<Record<Controller, ControllerFacts>> = {}
  for (const place of places) {
    for (const controller of place.controllers) {
      const found = facts.controllers[controller]
      if (found)
        controllers[controller] = { ...found, parent: place.directory, ...(await detailsIn(caller, place, controller)) }
    }
  }
  const tree = places.find(({ version }) => version === 2)
  const { unified: above, ...rest } = facts
  if (!above || !tree) return { ...rest, controllers }
  const { vacate: _, escapes: __, ...unified } = above
  return { ...rest, controllers, unified: { ...unified, parent: tree.directory } }
}

async function detailsIn(
  caller: Caller,
  { directory, version }: GroupPlace,
  controller: Controller,
): Promise<Partial<ControllerFacts>> {
  const enable = version === 2 ? { enable: [directory] } : {}
  if (controller !== 'cpuset') return enable
  const names = ['cpus', 'mems'].map((name) => `${directory}/cpuset.${version === 2 ? `${name}.effective` : name}`)
  const texts = await readFiles(caller, names)
  const [cpus = '', mems = ''] = names.map((name) => texts.get(name)?.trim() ?? '')
  return { ...enable, cpus, mems }
}
