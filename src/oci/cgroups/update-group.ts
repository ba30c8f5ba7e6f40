import { containerDevices } from '../../bundle/cgroups/container-devices.ts'
import type { Resources } from '../../features/cgroups/resources.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { writeLimits } from './limit-files.ts'

/**
 * Changes what a live container may use: only what is named; by systemd's properties where it made the group, so that it keeps them.
 * @param resources checked, `live`
 * @throws InvalidInputError and UnsupportedError naming the pointer within the resources, SyscallError
 */
export async function updateGroup(
  kernel: Kernel,
  { groups, scope }: Pick<ContainerRecord, 'groups' | 'scope'>,
  resources: Resources,
): Promise<void> {
  const { devices } = resources
  const wanted = devices ? { ...resources, devices: containerDevices(devices) } : resources
  const byHand = scope === undefined ? wanted : await setProperties(kernel, { scope, groups, resources: wanted })
  const rules = writeLimits(kernel, groups, { resources: byHand, prefix: '' })
  const tree = groups.find(({ version }) => version === 2)
  if (!rules || !tree) return
  const { replaceDevices } = await import('./replace-devices.ts')
  replaceDevices(kernel, tree.directory, rules)
}

async function setProperties(
  kernel: Kernel,
  update: Pick<ContainerRecord, 'groups'> & { readonly scope: string; readonly resources: Resources },
): Promise<Resources> {
  const { updateScopeSync } = await import('./systemd-scope.ts')
  return updateScopeSync(kernel, update)
}
