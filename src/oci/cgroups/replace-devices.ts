import { SyscallError } from '../../base/errors.ts'
import { openGroup } from '../../features/cgroups/group-steps.ts'
import type { DeviceRule } from '../../features/devices/device-rule.ts'
import {
  DEVICE_FILTER_NAME,
  deviceRefusal,
  deviceSteps,
  filterNameSteps,
  queryDeviceSteps,
} from '../../features/devices/device-steps.ts'
import { SyncAgent } from '../../kernel/agent.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { program } from '../../program/builder.ts'

/**
 * Puts another device filter in the place of the one that a v2 group was made with; filters of others, systemd's too, stay and are asked as well.
 * @throws UnsupportedError in words of the verifier, SyscallError
 */
export function replaceDevices(kernel: Kernel, directory: string, rules: readonly DeviceRule[]): void {
  const agent = SyncAgent.start(kernel)
  try {
    const id = findFilter(agent, directory)
    const p = program()
    const group = openGroup(p, directory)
    deviceSteps(p, group, rules, id === undefined ? undefined : { id, atOnce: true })
    p.close(group)
    agent.run(p)
  } catch (error) {
    throw (error instanceof SyscallError && deviceRefusal(error)) || error
  } finally {
    agent.end()
  }
}

/** Which of the attached filters is ours. */
function findFilter(agent: SyncAgent, directory: string): number | undefined {
  const asking = program()
  const group = openGroup(asking, directory)
  const attached = queryDeviceSteps(asking, group)
  asking.close(group)
  const { prog_ids: ids } = agent.run(asking).get(attached)
  if (ids.length === 0) return undefined
  const naming = program()
  const named = ids.map((id) => [id, filterNameSteps(naming, id)] as const)
  const result = agent.run(naming)
  return named.findLast(([, ref]) => {
    const info: { readonly name: string } | number = result.get(ref)
    return typeof info !== 'number' && info.name === DEVICE_FILTER_NAME
  })?.[0]
}
