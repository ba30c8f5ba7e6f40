import { plainDeviceWrites } from '../../bundle/cgroups/plain-device-writes.ts'
import type { Resources } from '../../features/cgroups/resources.ts'
import { pidsMax } from '../../features/cgroups/writes/small-writes.ts'
import { translate, type TranslatedResources } from '../../features/cgroups/writes/translate.ts'
import type { FileValue } from '../../features/cgroups/writes/translation.ts'
import type { CgroupFacts, Controller } from '../../host/facts.ts'

/** Which controllers there are in v1 hierarchies, or in any for `pids`, and the rest of the facts for who needs them. */
export interface LimitsContext {
  /** Whether v1's lists of devices can be written */
  readonly devicesV1: boolean
  readonly pids: boolean
  /** Read only when it is called */
  facts(): CgroupFacts
}

/**
 * Resources as files of the controllers of this host. Most containers have a count of processes and a list of devices and nothing else: for
 * them neither the facts are read nor the translators of all controllers begun.
 */
export function limitsOf(resources: Resources, context: LimitsContext): TranslatedResources {
  const { devices, pids, ...others } = resources
  const plain = devices && context.devicesV1 ? plainDevices(resources) : undefined
  if (!plain) return translate(resources, context.facts())
  const isFew = (pids === undefined || context.pids) && Object.keys(others).length === 0
  const rest = isFew ? fewLimits(resources) : translate({ ...others, ...(pids ? { pids } : {}) }, context.facts())
  return { ...rest, controllers: new Map([...rest.controllers, ['devices', plain]]) }
}

function plainDevices({ devices = [] }: Resources): readonly FileValue[] | undefined {
  const because = 'what devices may be used'
  return plainDeviceWrites(devices)?.map(({ file, value }) => ({ asks: ['devices'], because, file, value }))
}

function fewLimits(resources: Resources): TranslatedResources {
  const files = pidsMax(resources, { swap: false, parent: '' }) as readonly FileValue[]
  const controllers = new Map<Controller, readonly FileValue[]>(files.length > 0 ? [['pids', files]] : [])
  return { controllers, plain: [], devices: null, notApplied: [], opens: false }
}
