import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { killGroup } from './kill-group.ts'
import { removeGroup } from './remove-group.ts'

/** Kills whatever is left in the groups of a container, and removes them. @throws as `killGroup` and `removeGroup` */
export function endGroup(kernel: Kernel, places: readonly GroupPlace[]): void {
  if (places.length === 0) return
  killGroup(kernel, places)
  removeGroup(kernel, places)
}
