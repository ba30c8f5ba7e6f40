import { InvalidInputError, UnsupportedError } from '../../base/errors.ts'
import { parseConfig } from '../../bundle/config/parse-config.ts'
import { type NamespacePlan, planNamespaces } from '../../bundle/namespaces/namespace-plan.ts'
import type { Config, Process } from '../../bundle/spec.ts'
import type { IdMap } from '../../features/users/id-map.ts'
import { type Conceived, SyncAgent } from '../../kernel/agent.ts'
import { close, O, openIfThere } from '../../kernel/descriptors.ts'
import { workingDirectory } from '../../kernel/directories.ts'
import { readBytes, readLink, textOf } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { type GroupPlan, planGroup } from '../cgroups/plan-group.ts'
import type { Context } from '../context.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { STATE_FILES } from '../state/state-store.ts'
import type { CreateOptions } from './create-options.ts'
import { CAP_SYS_ADMIN, idWriter, OwnRights } from './facts.ts'
import { handedDescriptors, keepDescriptors, type KeptDescriptors } from './kept-descriptors.ts'
import { makeFirst } from './make-first.ts'
import { checkConsole } from './hand-over.ts'
import { type ReadyProcess, readyFirst } from './ready-first.ts'
import { recordAhead } from './record-of.ts'
import { Undo } from './undo.ts'

/** A bundle as it was read. */
export interface Bundle {
  /** Absolute */
  readonly path: string
  readonly config: Config
  readonly text: Uint8Array
}

/** What of a container is decided before anything of it exists. */
export interface PlannedCreation {
  readonly context: Context
  readonly options: CreateOptions
  readonly bundle: Bundle
  readonly namespaces: NamespacePlan
  readonly rights: OwnRights
  readonly group: GroupPlan
  readonly idWriter: IdMap['writer']
  readonly kept: KeptDescriptors
}

/** A container on its way: what its steps share. */
export interface Creation extends PlannedCreation {
  /** In the caller's namespaces: makes the first process */
  readonly maker: SyncAgent
  /** The container's first process, an agent until it executes the user's program */
  readonly first: Conceived
}

/** A container whose first process waits to be told what it found to execute. */
export interface Created {
  readonly creation: Creation
  readonly record: ContainerRecord
  readonly ready: ReadyProcess
  readonly undo: Undo
}

/** Reads the configuration of a bundle. @throws InvalidInputError */
export function readBundle({ kernel, log }: Context, given = '.'): Bundle {
  const path = given.startsWith('/') ? given : `${workingDirectory(kernel)}/${given}`
  const bundle = physicalPath(kernel, path)
  const text = readBytes(kernel, `${bundle}/config.json`)
  if (!text) {
    throw new InvalidInputError(`Bundle ${bundle} has no config.json: no such file or directory`, { field: 'bundle' })
  }
  const { config, warnings } = parseConfig(textOf(text))
  warnings.forEach((warning) => log.warn(warning))
  return { path: bundle, config, text }
}

/** Without links and dots, as hooks and engines read it in the state long after; a path that leads nowhere is left as it is. */
function physicalPath(kernel: Kernel, path: string): string {
  const fd = openIfThere(kernel, path, O.PATH | O.DIRECTORY)
  if (fd === undefined) return path
  const physical = readLink(kernel, `/proc/self/fd/${fd}`)
  close(kernel, fd)
  return physical ?? path
}

/** How a container is created, besides its options. */
export interface CreateManner {
  /** Its first process is to wait for `start` */
  readonly gate: boolean
  /** Nobody stays with it */
  readonly detached: boolean
  /** Instead of one that is read from a directory */
  readonly bundle?: Bundle
}

/**
 * Makes a container up to the moment where its first process could execute the user's program. Whatever fails, nothing of it stays.
 */
export async function createContainer(
  context: Context,
  options: CreateOptions,
  { gate, detached, bundle: given }: CreateManner,
): Promise<Created> {
  const { kernel, store } = context
  const handed = handedDescriptors(kernel, options.preserveFds)
  // The longest wait of all is started first: the agent begins while the configuration is read.
  const maker = SyncAgent.start(kernel)
  const undo = new Undo(context, options.id, maker)
  try {
    const bundle = await sized(context, given ?? readBundle(context, options.bundle), {
      relayed: !detached && options.consoleSocket === undefined,
    })
    if (bundle.config.process) {
      checkConsole(bundle.config.process, { consoleSocket: options.consoleSocket, detached })
    }
    const directory = store.claim(options.id)
    undo.claimed(bundle.config, bundle.path)
    const { linux } = bundle.config
    const keep = (process: Process): KeptDescriptors =>
      keepDescriptors(kernel, {
        process,
        seccomp: linux?.seccomp,
        handed,
        gate: gate ? `${directory}/${STATE_FILES.start}` : undefined,
      })
    const creation = {
      ...planCreation(context, options, { bundle, keep }),
      maker,
      first: SyncAgent.conceive(kernel),
    }
    undo.grouped(creation.group.places)
    store.save(recordAhead(creation))
    const made = await makeFirst(creation, undo)
    store.saveConfig(options.id, bundle.text)
    // Hooks may ask for the state.
    if (bundle.config.hooks) store.save(made.record)
    return { creation, record: made.record, ready: await readyFirst(creation, made, undo), undo }
  } catch (error) {
    await undo.run()
    throw error
  }
}

async function sized({ kernel }: Context, bundle: Bundle, { relayed }: { readonly relayed: boolean }): Promise<Bundle> {
  const { config } = bundle
  if (!relayed || !config.process?.terminal) return bundle
  const { withCallersSize } = await import('./terminal-size.ts')
  return { ...bundle, config: { ...config, process: withCallersSize(kernel, config.process) } }
}

/** Decides where the container goes. @throws InvalidInputError, UnsupportedError before anything is made */
export function planCreation(
  context: Context,
  options: CreateOptions,
  { bundle, keep }: { readonly bundle: Bundle; readonly keep: (process: Process) => KeptDescriptors },
): PlannedCreation {
  const { kernel, log } = context
  const { linux, process } = bundle.config
  if (!process) {
    const problem = '/process is missing: a container that is to be started needs one'
    throw new InvalidInputError(problem, { field: '/process' })
  }
  const rights = new OwnRights(kernel)
  const namespaces = planNamespaces(linux)
  if (namespaces.user === 'runtime' && rights.uid !== 0 && !rights.has(CAP_SYS_ADMIN)) {
    const problem = `/linux/namespaces holds none of type "user": user ${rights.uid} may make no container without one`
    const remedy = 'add {"type": "user"} with /linux/uidMappings and /linux/gidMappings (spec --rootless), or be root'
    throw new UnsupportedError(problem, { fact: 'CAP_SYS_ADMIN', remedy })
  }
  const group = planGroup(kernel, {
    id: options.id,
    manager: context.options.cgroupManager,
    rootless: rights.rootless,
    ...(linux?.cgroupsPath === undefined ? {} : { cgroupsPath: linux.cgroupsPath }),
    ...(linux?.resources === undefined ? {} : { resources: linux.resources }),
  })
  group.notApplied.forEach((each) => log.debug(`/linux/resources: ${each.limit} is not applied: ${each.reason}`))
  const isNew = namespaces.user === 'new'
  return {
    context,
    options,
    bundle,
    namespaces,
    rights,
    group,
    idWriter: isNew ? idWriter(rights, linux?.uidMappings ?? [], linux?.gidMappings ?? []) : 'parent',
    kept: keep(process),
  }
}
