import { AgentError } from '../../base/errors.ts'
import { readProcess } from '../../kernel/process.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { PlannedCreation } from './create-container.ts'

/** The record of a container whose first process exists. @throws AgentError when it has ended already */
export function recordOf(
  { context, bundle, options, rights }: PlannedCreation,
  pid: number,
  rest: Pick<ContainerRecord, 'groups' | 'scope' | 'closDirectory'>,
): ContainerRecord {
  const { config, path } = bundle
  const startTime = readProcess(context.kernel, pid)?.startTime
  if (startTime === undefined) throw new AgentError('The first process ended before anything was asked of it')
  return {
    id: options.id,
    ociVersion: config.ociVersion,
    pid,
    startTime,
    bundle: path,
    rootfs: rootPath(bundle),
    created: new Date().toISOString(),
    owner: rights.uid,
    annotations: config.annotations ?? {},
    ...rest,
  }
}

/** Where the root file system is on the host (config.md, "Root"). */
export function rootPath({ config, path }: Pick<PlannedCreation['bundle'], 'config' | 'path'>): string {
  const root = config.root?.path ?? ''
  return root.startsWith('/') ? root : `${path}/${root}`
}
