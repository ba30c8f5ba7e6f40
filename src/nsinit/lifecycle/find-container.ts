import { StateError } from '../../base/errors.ts'
import { parseConfig } from '../../bundle/config/parse-config.ts'
import type { Config } from '../../bundle/spec.ts'
import { readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ContainerRecord, ContainerStatus } from '../../oci/state/container-record.ts'
import { ANNOTATIONS, type NsinitState, stateOf } from './nsinit-state.ts'
import type { Nsinit } from './nsinit-context.ts'

/** A container that lives. */
export interface LiveContainer {
  readonly record: ContainerRecord
  /** That it was started from, whatever container.json says by now */
  readonly config: Config
  readonly state: NsinitState
  readonly status: ContainerStatus
}

/**
 * The container that lives in a data directory; undefined when none does. The files `pid` and `state.json` there are for others: what is
 * believed is the record of this user's store, when a process of its pid, start time and boot is there.
 * @throws InvalidInputError, UnsupportedError for a store that cannot be believed
 */
export function findContainer({ context, id }: Nsinit): LiveContainer | undefined {
  const { kernel, store } = context
  const record = store.find(id)
  if (record === undefined || record === 'incomplete' || !isOfThisBoot(kernel, record)) return undefined
  const status = store.status(record)
  if (status === 'stopped' || status === 'creating') return undefined
  return { record, config: parseConfig(store.configText(id)).config, state: stateOf(record), status }
}

/** The same for a command that needs one. @throws StateError when none lives there, and as `findContainer` */
export function getContainer(nsinit: Nsinit): LiveContainer {
  const found = findContainer(nsinit)
  if (found) return found
  throw new StateError(`No container lives in ${nsinit.data.path}: start one with carrel nsinit exec COMMAND`, {
    state: 'absent',
    wanted: 'running',
  })
}

/** Start times are counted from a boot. */
export const isOfThisBoot = (kernel: Kernel, { annotations }: Pick<ContainerRecord, 'annotations'>): boolean =>
  annotations[ANNOTATIONS.boot] === bootId(kernel)

export const bootId = (kernel: Kernel): string => (readText(kernel, '/proc/sys/kernel/random/boot_id') ?? '').trim()
