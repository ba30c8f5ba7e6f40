import { StateError } from '../../base/errors.ts'
import { parseConfig } from '../../bundle/config/parse-config.ts'
import { removeDirectory } from '../../kernel/directories.ts'
import { endGroup } from '../cgroups/end-group.ts'
import type { Context } from '../context.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { endFirst } from './end-first.ts'
import { runPoststop } from './poststop.ts'
import { instanceOf } from './record-of.ts'

/** How a container is deleted. */
export interface DeleteOptions {
  /** Kill it first; that there is none is no error */
  readonly force: boolean
  /** `instanceOf` the one that is meant: any other with its id stays */
  readonly of?: string | undefined
}

/**
 * Removes a container that has stopped, or by force any: its group with whatever is left in it, what was made beside it, its state.
 * @throws StateError for one that runs, or that does not exist unless by force
 */
export async function deleteContainer(context: Context, id: string, { force, of }: DeleteOptions): Promise<void> {
  const { store } = context
  const found = store.find(id, { lock: true })
  if (of !== undefined && (found === undefined || found === 'incomplete' || instanceOf(found) !== of)) return
  if (found === undefined && force) return
  if (found === 'incomplete' && force) return removeLeft(context, id)
  const record = store.load(id)
  const status = store.status(record)
  if (status !== 'stopped' && !force) {
    throw new StateError(
      `Cannot delete container ${JSON.stringify(id)} that is ${status}: stop it first, or give --force`,
      { state: status, wanted: 'stopped' },
    )
  }
  await removeContainer(context, record, force)
}

/** Of a creation that was killed: its processes have ended with it, its groups have not; of a restoration not even those. */
async function removeLeft(context: Context, id: string): Promise<void> {
  await removeMade(context, context.store.leftOf(id))
  context.store.remove(id)
}

/** What there is of a container on the host, and whoever is left in its groups. */
async function removeMade(
  { kernel }: Context,
  { groups, scope, closDirectory }: Pick<ContainerRecord, 'groups' | 'scope' | 'closDirectory'>,
): Promise<void> {
  endGroup(kernel, groups)
  if (scope !== undefined) {
    const { stopScopeSync } = await import('../cgroups/systemd-scope.ts')
    stopScopeSync(kernel, scope)
  }
  if (closDirectory !== undefined) removeDirectory(kernel, closDirectory)
}

async function removeContainer(context: Context, record: ContainerRecord, force: boolean): Promise<void> {
  const { kernel, store } = context
  const hooks = record.poststopRan ? undefined : lastHooks(context, record, force)
  endFirst(kernel, record)
  await removeMade(context, record)
  store.remove(record.id)
  hooks?.()
}

const POSTSTOP = '"poststop"'

/** By force also where the configuration can no longer be read: nothing else says which hooks there were. */
function lastHooks(context: Context, record: ContainerRecord, force: boolean): (() => void) | undefined {
  try {
    return poststopHooks(context, record)
  } catch (error) {
    if (!force) throw error
    context.log.warn(`The hooks of the end of container ${record.id} are not known: ${(error as Error).message}`)
    return undefined
  }
}

/** Read before the state goes; they run when all else is gone (runtime.md#lifecycle). */
function poststopHooks(context: Context, record: ContainerRecord): (() => void) | undefined {
  const text = context.store.configText(record.id)
  if (!text.includes(POSTSTOP)) return undefined
  const { config } = parseConfig(text)
  return () => runPoststop(context, config, record)
}
