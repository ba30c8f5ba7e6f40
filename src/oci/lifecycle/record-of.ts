import { AgentError } from '../../base/errors.ts'
import { readProcess } from '../../kernel/process.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { PlannedCreation } from './create-container.ts'

/** The record of a container whose first process exists. @throws AgentError when it has ended already */
export function recordOf(planned: PlannedCreation, pid: number, rest: Held): ContainerRecord {
  const startTime = readProcess(planned.context.kernel, pid)?.startTime
  if (startTime === undefined) throw new AgentError('The first process ended before anything was asked of it')
  return recordWith(planned, { pid, startTime, ...rest })
}

/** What is known before anything is made: for `delete --force`, should the creation be killed. */
export const recordAhead = (planned: PlannedCreation): ContainerRecord =>
  recordWith(planned, { pid: 0, startTime: 0, groups: planned.group.places })

/** What a container has on the host. */
type Held = Pick<ContainerRecord, 'groups' | 'scope' | 'closDirectory'>

function recordWith(
  { bundle, options, rights }: PlannedCreation,
  rest: Held & Pick<ContainerRecord, 'pid' | 'startTime'>,
): ContainerRecord {
  const { config, path } = bundle
  return {
    id: options.id,
    ociVersion: config.ociVersion,
    bundle: path,
    rootfs: rootPath(bundle),
    created: new Date().toISOString(),
    owner: rights.uid,
    annotations: config.annotations ?? {},
    ...rest,
  }
}

/** What tells a container from a later one with its id. */
export const instanceOf = ({ pid, startTime }: ContainerRecord): string => `${pid}:${startTime}`

/** Where the root file system is on the host (config.md, "Root"). */
export function rootPath({ config, path }: Pick<PlannedCreation['bundle'], 'config' | 'path'>): string {
  const root = config.root?.path ?? ''
  return root.startsWith('/') ? root : `${path}/${root}`
}
