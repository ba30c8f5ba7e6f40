import { atPointer } from '../../bundle/cgroups/resource-pointer.ts'
import { containerDevices } from '../../bundle/cgroups/container-devices.ts'
import { SyscallError } from '../../base/errors.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import type { CgroupWrite } from '../../features/cgroups/plan-cgroups.ts'
import { planUpdate, updateReads } from '../../features/cgroups/plan-update.ts'
import type { Resources } from '../../features/cgroups/resources.ts'
import { writeExisting } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { explainFailure } from './explain-failure.ts'
import { freeze, isFrozen, thaw } from './freeze.ts'
import { exists } from './group-spot.ts'
import { liveFacts } from './live-facts.ts'
import { refused } from './plan-group.ts'
import { readGroupFile } from './processes.ts'

/**
 * Changes what a live container may use: only what is named. All is checked before the first write, and written in the order in which the
 * kernel takes it; a write that it refuses leaves those before it in place.
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
  if (scope === undefined) return writeFiles(kernel, groups, wanted)
  const { updateScopeSync } = await import('./systemd-scope.ts')
  const byHand = updateScopeSync(kernel, { scope, groups, resources: wanted })
  await writeFiles(kernel, groups, byHand)
}

async function writeFiles(kernel: Kernel, groups: readonly GroupPlace[], resources: Resources): Promise<void> {
  const paths = updateReads(resources, groups)
  const texts = paths.flatMap((path): [string, string][] => {
    const text = readGroupFile(kernel, path)
    return text === undefined ? [] : [[path, text]]
  })
  const facts = liveFacts(kernel, groups, { ok: true })
  const plan = atPointer('', () => planUpdate(resources, groups, facts, new Map(texts)))
  const [first] = plan.notApplied
  if (first) throw refused(first, '')
  const write = (): void => plan.writes.forEach((each) => writeOne(kernel, each))
  if (plan.opens && !isFrozen(kernel, groups)) whileFrozen(kernel, groups, write)
  else write()
  const tree = groups.find(({ version }) => version === 2)
  if (!plan.devices || !tree) return
  const { replaceDevices } = await import('./replace-devices.ts')
  replaceDevices(kernel, tree.directory, plan.devices)
}

/** Between two lines of devices.allow and devices.deny more may be allowed than before and after. */
function whileFrozen(kernel: Kernel, groups: readonly GroupPlace[], act: () => void): void {
  freeze(kernel, groups)
  try {
    act()
  } finally {
    thaw(kernel, groups)
  }
}

/** One write(2): the kernel takes every write as a whole command. */
function writeOne(kernel: Kernel, { path, value, asks, optional }: CgroupWrite): void {
  if (optional && !exists(kernel, path)) return
  try {
    writeExisting(kernel, path, value)
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    if (optional && error.errno === 'EOPNOTSUPP') return
    throw explainFailure(error, { path, value, ...(asks ? { asks } : {}) }, '')
  }
}
