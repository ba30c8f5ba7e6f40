import { InvalidInputError, StateError } from '../../base/errors.ts'
import { updateResources } from '../../bundle/cgroups/update-resources.ts'
import { checkLinuxResources } from '../../bundle/config/check-linux-resources.ts'
import { newFindings } from '../../bundle/config/fields.ts'
import { parseJson } from '../../bundle/config/parse-json.ts'
import { readAll } from '../../kernel/descriptors.ts'
import { readBytes, textOf, writeExisting } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { updateGroup } from '../cgroups/update-group.ts'
import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import type { ContainerRecord } from '../state/container-record.ts'

const STDIN = 0

/** `update [--resources FILE|-] [options] ID`: changes what the groups of a container may use, and nothing that is not named. */
export async function run(context: Context, { id, options }: Given<'update'>): Promise<void> {
  const { kernel, store, log } = context
  const record = store.load(id, { lock: true })
  const status = store.status(record)
  if (status === 'stopped') {
    throw new StateError(`Cannot update container ${JSON.stringify(id)}, which is stopped`, {
      state: status,
      wanted: 'running',
    })
  }
  const findings = newFindings()
  const wanted = updateResources(
    options,
    options.resources === undefined ? undefined : readResources(kernel, options.resources),
  )
  const resources = checkLinuxResources(wanted, '', findings, { live: true })
  for (const warning of findings.warnings) log.warn(warning)
  if (findings.unknown.length > 0) log.warn(`Unknown properties are ignored: ${findings.unknown.join(', ')}`)
  if (Object.keys(resources).length > 0) await updateGroup(kernel, record, resources)
  updateSchemata(kernel, record, [options.l3CacheSchema, options.memBwSchema])
}

function readResources(kernel: Kernel, file: string): unknown {
  const bytes = file === '-' ? readAll(kernel, STDIN, 'stdin') : readBytes(kernel, file)
  if (bytes !== undefined) return parseJson(textOf(bytes), file === '-' ? 'stdin' : file)
  throw new InvalidInputError(`--resources names ${file}, which does not exist`, { field: '--resources' })
}

/** Intel RDT: lines of `schemata`, each about one resource (resctrl.rst). */
function updateSchemata(
  kernel: Kernel,
  { closDirectory }: ContainerRecord,
  lines: readonly (string | undefined)[],
): void {
  for (const line of lines) {
    if (line === undefined) continue
    if (closDirectory === undefined) {
      throw new StateError('The container has no class of resctrl: create it with linux.intelRdt', {
        state: 'without intelRdt',
        wanted: 'linux.intelRdt',
      })
    }
    writeExisting(kernel, `${closDirectory}/schemata`, `${line}\n`)
  }
}
