import { StateError } from '../../base/errors.ts'
import { parseConfig } from '../../bundle/config/parse-config.ts'
import type { Config } from '../../bundle/spec.ts'
import { readLink, readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ContainerRecord, ContainerStatus } from '../../oci/state/container-record.ts'
import { ANNOTATIONS, type NsinitState, stateOf } from './nsinit-state.ts'
import type { Context } from '../../oci/context.ts'
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
  const { store } = context
  const record = store.find(id)
  if (record === undefined || record === 'incomplete') return undefined
  const status = liveStatus(context, record)
  if (status === undefined) return undefined
  return { record, config: parseConfig(store.configText(id)).config, state: stateOf(record), status }
}

/**
 * What the kernel says of the container of a record; undefined when it lives no more.
 * @throws StateError for one of another pid namespace, whose processes have other numbers here or none
 */
export function liveStatus(
  { kernel, store }: Pick<Context, 'kernel' | 'store'>,
  record: ContainerRecord,
): ContainerStatus | undefined {
  if (!isOfThisBoot(kernel, record)) return undefined
  assertHere(kernel, record)
  const status = store.status(record)
  return status === 'stopped' || status === 'creating' ? undefined : status
}

/** @throws StateError */
export function assertHere(kernel: Kernel, { annotations }: Pick<ContainerRecord, 'annotations'>): void {
  if (!isElsewhere(kernel, { annotations })) return
  const theirs = annotations[ANNOTATIONS.pidns]
  throw new StateError(
    `The container of ${annotations[ANNOTATIONS.data]} was started in another pid namespace (${theirs}), where alone it can be told ` +
      'whether it lives: run nsinit there',
    { state: 'unknown', wanted: 'of this pid namespace' },
  )
}

/** Whether it was started in another pid namespace. */
export const isElsewhere = (kernel: Kernel, { annotations }: Pick<ContainerRecord, 'annotations'>): boolean =>
  ![undefined, pidNamespace(kernel)].includes(annotations[ANNOTATIONS.pidns])

/** Whether the networks that this process sees are those that it was started from: names and indexes of links are of one. */
export const isOfThisNetwork = (kernel: Kernel, { annotations }: Pick<ContainerRecord, 'annotations'>): boolean =>
  [undefined, networkNamespace(kernel)].includes(annotations[ANNOTATIONS.netns])

export const pidNamespace = (kernel: Kernel): string => readLink(kernel, '/proc/self/ns/pid') ?? ''
export const networkNamespace = (kernel: Kernel): string => readLink(kernel, '/proc/self/ns/net') ?? ''

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
