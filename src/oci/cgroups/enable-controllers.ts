import type { Controller } from '../../host/facts.ts'
import { readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { controllerOf } from './hierarchies.ts'
import { type GroupSpot, nearestOf } from './group-spot.ts'

/** A write to `cgroup.subtree_control` of a directory above a group. */
export interface EnableWrite {
  readonly directory: string
  readonly controllers: readonly Controller[]
  /** Whether a limit depends on it; else the group is made without what the kernel refuses */
  readonly needed: boolean
}

/**
 * Controllers that a v2 group can have: all of the root's, which a user that has only a part of the tree cannot hand down.
 * @param reach `top`: whoever may write the whole tree
 */
export function availableControllers(kernel: Kernel, spot: GroupSpot, reach: 'top' | 'nearest'): readonly Controller[] {
  return listed(kernel, `${reach === 'top' ? spot.hierarchy.mount : nearestOf(kernel, spot)}/cgroup.controllers`)
}

/**
 * What has to be written above a v2 group for it to have the controllers, from the top. Mostly nothing, or one write for each level that is
 * made: then each of the levels that are there hands down all of them.
 */
export function planEnable(kernel: Kernel, spot: GroupSpot, needed: ReadonlySet<Controller>): readonly EnableWrite[] {
  const { hierarchy, above, controllers } = spot
  if (controllers.length === 0) return []
  const nearest = nearestOf(kernel, spot)
  const chain = [hierarchy.mount, ...above]
  const split = chain.indexOf(nearest) + 1
  const lacking = (directory: string): readonly Controller[] => {
    const has = listed(kernel, `${directory}/cgroup.subtree_control`)
    return controllers.filter((name) => !has.includes(name))
  }
  if (lacking(nearest).length === 0) {
    return chain.slice(split).map((directory) => ({ directory, controllers, needed: true }))
  }
  const asked = chain.map((directory, depth) => [directory, depth < split ? lacking(directory) : controllers] as const)
  return asked.flatMap(([directory, names]) =>
    names.map((name) => ({ directory, controllers: [name], needed: needed.has(name) })),
  )
}

const listed = (kernel: Kernel, path: string): Controller[] =>
  (readText(kernel, path) ?? '').split(/\s+/).flatMap(controllerOf)
