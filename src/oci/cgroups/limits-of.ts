import { plainDeviceWrites } from '../../bundle/cgroups/plain-device-writes.ts'
import type { Resources } from '../../features/cgroups/resources.ts'
import { pidsMax } from '../../features/cgroups/writes/small-writes.ts'
import { translate, type TranslatedResources } from '../../features/cgroups/writes/translate.ts'
import type { FileValue } from '../../features/cgroups/writes/translation.ts'
import type { CgroupFacts, Controller } from '../../host/facts.ts'

/**
 * Resources as files of the controllers of this host. Most containers have a count of processes and a list of devices and nothing else: for
 * them the translators of all other controllers are not even begun.
 */
export function limitsOf(resources: Resources, facts: CgroupFacts): TranslatedResources {
  const { devices, pids, ...others } = resources
  const plain = plainDevices(resources, facts)
  if (!plain) return translate(resources, facts)
  const knowsPids = pids === undefined || facts.controllers.pids !== undefined
  const isFew = knowsPids && Object.keys(others).length === 0
  const rest = isFew ? fewLimits(resources) : translate({ ...others, ...(pids ? { pids } : {}) }, facts)
  return { ...rest, controllers: new Map([...rest.controllers, ['devices', plain]]) }
}

function plainDevices({ devices }: Resources, facts: CgroupFacts): readonly FileValue[] | undefined {
  if (!devices || !facts.deviceRules.ok || facts.controllers.devices === undefined) return undefined
  const because = 'what devices may be used'
  return plainDeviceWrites(devices)?.map((write) => ({ asks: ['devices'], because, ...write }))
}

function fewLimits(resources: Resources): TranslatedResources {
  const files = pidsMax(resources, { swap: false, parent: '' }) as readonly FileValue[]
  const controllers = new Map<Controller, readonly FileValue[]>(files.length > 0 ? [['pids', files]] : [])
  return { controllers, plain: [], devices: null, notApplied: [], opens: false }
}
