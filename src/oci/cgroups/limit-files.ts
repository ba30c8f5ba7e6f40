import { atPointer, type PointerPrefix } from '../../bundle/cgroups/resource-pointer.ts'
import { SyscallError } from '../../base/errors.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import type { CgroupWrite } from '../../features/cgroups/plan-cgroups.ts'
import { planUpdate, updateReads } from '../../features/cgroups/plan-update.ts'
import type { Resources } from '../../features/cgroups/resources.ts'
import type { DeviceRule } from '../../features/devices/device-rule.ts'
import { writeExisting } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { explainFailure } from './explain-failure.ts'
import { freeze, isFrozen, thaw } from './freeze.ts'
import { exists } from './group-spot.ts'
import { liveFacts } from './live-facts.ts'
import { refused } from './plan-group.ts'
import { readGroupFile } from './processes.ts'

/**
 * Writes limits into the files of a live group, in the order in which the kernel takes them. All is checked before the first write; a
 * write that the kernel refuses leaves those before it in place.
 * @returns rules for the program on the v2 group, null for none
 * @throws InvalidInputError and UnsupportedError naming the JSON pointer, SyscallError
 */
export function writeLimits(
  kernel: Kernel,
  groups: readonly GroupPlace[],
  { resources, prefix }: { readonly resources: Resources; readonly prefix: PointerPrefix },
): readonly DeviceRule[] | null {
  const texts = updateReads(resources, groups).flatMap((path): [string, string][] => {
    const text = readGroupFile(kernel, path)
    return text === undefined ? [] : [[path, text]]
  })
  const facts = liveFacts(kernel, groups, { ok: true })
  const plan = atPointer(prefix, () => planUpdate(resources, groups, facts, new Map(texts)))
  const [first] = plan.notApplied
  if (first) throw refused(first, prefix)
  const write = (): void => plan.writes.forEach((each) => writeOne(kernel, each, prefix))
  if (plan.opens && !isFrozen(kernel, groups)) whileFrozen(kernel, groups, write)
  else write()
  return plan.devices
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
function writeOne(kernel: Kernel, { path, value, asks, optional }: CgroupWrite, prefix: PointerPrefix): void {
  if (optional && !exists(kernel, path)) return
  try {
    writeExisting(kernel, path, value)
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    if (optional && error.errno === 'EOPNOTSUPP') return
    throw explainFailure(error, { path, value, ...(asks ? { asks } : {}) }, prefix)
  }
}
