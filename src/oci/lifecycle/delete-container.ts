import { StateError } from '../../base/errors.ts'
import { parseConfig } from '../../bundle/config/parse-config.ts'
import { SyncAgent } from '../../kernel/agent.ts'
import { removeDirectory } from '../../kernel/directories.ts'
import { isAlive, openPidfd, signalPidfd } from '../../kernel/process.ts'
import { close } from '../../kernel/descriptors.ts'
import { killGroup } from '../cgroups/kill-group.ts'
import { removeGroup } from '../cgroups/remove-group.ts'
import { awaitEnd } from './await-end.ts'
import type { Context } from '../context.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { stateText } from './hook-state.ts'
import { runHooksAnyway } from './hooks.ts'

const SIGKILL = 9

/**
 * Removes a container that has stopped, or by force any: its group with whatever is left in it, what was made beside it, its state.
 * @throws StateError for one that runs, or that does not exist unless by force
 */
export async function deleteContainer(
  context: Context,
  id: string,
  { force }: { readonly force: boolean },
): Promise<void> {
  const { store } = context
  const found = store.find(id, { lock: true })
  if (found === undefined && force) return
  if (found === 'incomplete' && force) return store.remove(id)
  const record = store.load(id)
  const status = store.status(record)
  if (status !== 'stopped' && !force) {
    throw new StateError(
      `Cannot delete container ${JSON.stringify(id)} that is ${status}: stop it first, or give --force`,
      { state: status, wanted: 'stopped' },
    )
  }
  await removeContainer(context, record)
}

async function removeContainer(context: Context, record: ContainerRecord): Promise<void> {
  const { kernel, store } = context
  const hooks = poststopHooks(context, record)
  endFirst(context, record)
  if (record.groups.length > 0) {
    killGroup(kernel, record.groups)
    removeGroup(kernel, record.groups)
  }
  if (record.scope !== undefined) {
    const { stopScopeSync } = await import('../cgroups/systemd-scope.ts')
    stopScopeSync(kernel, record.scope)
  }
  if (record.closDirectory !== undefined) removeDirectory(kernel, record.closDirectory)
  store.remove(record.id)
  hooks?.()
}

/** Nothing with its number is touched: the process is held by a descriptor while its start time is compared. */
function endFirst({ kernel }: Context, { pid, startTime, groups }: ContainerRecord): void {
  const pidfd = pid === 0 ? undefined : openPidfd(kernel, pid)
  if (pidfd === undefined) return
  try {
    if (!isAlive(kernel, pid, startTime)) return
    signalPidfd(kernel, pidfd, SIGKILL)
    // What stands still in v1's freezer takes no signal before it is thawed.
    if (groups.length > 0) killGroup(kernel, groups)
    awaitEnd(kernel, pidfd, pid)
  } finally {
    close(kernel, pidfd)
  }
}

const POSTSTOP = '"poststop"'

/** Read before the state goes; they run when all else is gone (runtime.md#lifecycle). */
function poststopHooks({ kernel, store, log }: Context, record: ContainerRecord): (() => void) | undefined {
  const text = store.configText(record.id)
  if (!text.includes(POSTSTOP)) return undefined
  const { hooks, ociVersion } = parseConfig(text).config
  return () => {
    const place = SyncAgent.start(kernel)
    const state = stateText(record, 'stopped', ociVersion)
    runHooksAnyway(hooks, 'poststop', { kernel, place, state }, (told) => log.warn(told))
    place.end()
  }
}
