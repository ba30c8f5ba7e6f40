import { parseConfig } from '../../bundle/config/parse-config.ts'
import type { Config } from '../../bundle/spec.ts'
import { machineArch } from '../../linux/arch.ts'
import { freeze } from '../../oci/cgroups/freeze.ts'
import type { Context } from '../../oci/context.ts'
import { type Bundle, createContainer, type Created } from '../../oci/lifecycle/create-container.ts'
import { OwnRights } from '../../oci/lifecycle/facts.ts'
import { adoptOrphans, followContainer, type OwnEnd } from '../../oci/lifecycle/follow.ts'
import { holdOut } from '../../oci/lifecycle/hold-out.ts'
import { startAtOnce } from '../../oci/lifecycle/hand-over.ts'
import { askedBridges, type NetworkState } from '../network/network-state.ts'
import { instanceOf } from '../../oci/lifecycle/record-of.ts'
import { cgroupManagerOf, type ContainerConfig } from '../container-json/container-config.ts'
import { parseContainerJson } from '../container-json/parse-container-json.ts'
import { writeJson } from '../container-json/write-json.ts'
import { readUser } from '../convert/read-user.ts'
import { toOci } from '../convert/to-oci.ts'
import { detachSteps } from './detach-steps.ts'
import { detached, needsDetach, networkLock } from './detach.ts'
import { DATA_FILES, removeDataFiles, writeDataFiles } from './data-files.ts'
import { endContainer } from './end-container.ts'
import { bootId, networkNamespace, pidNamespace } from './find-container.ts'
import { withConfigurationKept } from './keep-configuration.ts'
import type { Nsinit } from './nsinit-context.ts'
import { ANNOTATIONS, networkOf, parentsOf } from './nsinit-state.ts'
import { claimParents, giveUpParents, type ParentGroups, removeParentsSteps } from './parent-groups.ts'
import { readContainerJson } from './read-container-json.ts'
import { openRootDirectory } from './root-directory.ts'
import { withOwnWords } from './with-own-words.ts'

/**
 * Starts the container of a directory with this command as its first process, and becomes the process that waits for it.
 * @throws StateError whose `wanted` is "absent" when somebody else starts it; whatever else fails, nothing stays
 */
export async function startContainer(nsinit: Nsinit, command: readonly string[]): Promise<never> {
  const { data, id } = nsinit
  const { kernel } = nsinit.context
  const wanted = parseContainerJson(readContainerJson(kernel, data))
  const started = await withOwnWords(wanted, async () => {
    await checkNetworks(nsinit.context, wanted)
    const config = configOf(nsinit, wanted, command)
    const options = { id, noPivot: wanted.noPivotRoot, endsWithCaller: true }
    const context = withManager(nsinit.context, wanted)
    const parents = claimParents(context, id, config)
    try {
      const bundle = bundleOf(nsinit, config, noted(nsinit, wanted, parents))
      const created = await createContainer(context, options, { gate: false, detached: false, bundle })
      parents.release()
      return await startCreated(nsinit, created, wanted)
    } catch (error) {
      giveUpParents(context, parents)
      throw error
    }
  })
  if (wanted.cgroups.freezer === 'FROZEN') await freezeOrEnd(nsinit, started)
  return followContainer(started, { keep: false, end: ownEnd(nsinit, started) })
}

/** The same store: locks are held by it. */
const withManager = (context: Context, wanted: ContainerConfig): Context => ({
  ...context,
  options: { ...context.options, cgroupManager: cgroupManagerOf(wanted) },
})

function configOf({ context: { kernel }, data, id }: Nsinit, wanted: ContainerConfig, args: readonly string[]): Config {
  const root = openRootDirectory(kernel, data, wanted.rootFs)
  const rights = new OwnRights(kernel)
  const config = toOci(named(wanted, id), {
    arch: machineArch(),
    args,
    user: readUser(kernel, root.fd, wanted.user),
    ...(rights.rootless ? { rootless: { uid: rights.uid, gid: rights.gid } } : {}),
  })
  const rooted: Config = { ...config, root: { ...config.root, path: root.path } }
  return withConfigurationKept(rooted, data, root)
}

/** What a record has from the beginning, for whoever finds it when this process was killed before there is more to tell. */
const noted = ({ context: { kernel }, data }: Nsinit, { networks }: ContainerConfig, { made }: ParentGroups) => ({
  [ANNOTATIONS.data]: data.path,
  [ANNOTATIONS.boot]: bootId(kernel),
  [ANNOTATIONS.pidns]: pidNamespace(kernel),
  [ANNOTATIONS.netns]: networkNamespace(kernel),
  [ANNOTATIONS.network]: JSON.stringify({ bridges: askedBridges(networks) } satisfies NetworkState),
  [ANNOTATIONS.parents]: JSON.stringify(made),
})

function bundleOf({ data }: Nsinit, config: Config, annotations: Readonly<Record<string, string>>): Bundle {
  // What is kept for those that join is what is started.
  const text = writeJson({ ...config, annotations: { ...config.annotations, ...annotations } })
  return { path: data.path, config: parseConfig(text).config, text: new TextEncoder().encode(text) }
}

const named = (wanted: ContainerConfig, name: string): ContainerConfig => ({
  ...wanted,
  cgroups: { name, ...wanted.cgroups },
})

/** Networks, then the files for others; then the command. */
async function startCreated(nsinit: Nsinit, created: Created, wanted: ContainerConfig): Promise<Created> {
  const started = await prepared(nsinit, created, wanted)
  adoptOrphans(nsinit.context.kernel)
  holdOut(nsinit.context.kernel)
  await startAtOnce(started)
  return started
}

async function prepared({ context, data }: Nsinit, created: Created, wanted: ContainerConfig): Promise<Created> {
  const { kernel, log } = context
  try {
    const network = await attached(created, wanted)
    created.undo.also(() => detached(context, network))
    const annotations = { ...created.record.annotations, [ANNOTATIONS.network]: JSON.stringify(network) }
    const record = { ...created.record, annotations }
    created.undo.also(() => removeDataFiles(kernel, data, (text) => log.warn(text)))
    writeDataFiles(kernel, data, record)
    return { ...created, record }
  } catch (error) {
    await created.undo.run()
    throw error
  }
}

async function checkNetworks({ kernel }: Context, { networks }: ContainerConfig): Promise<void> {
  if (networks.length > 0) (await import('../network/check-networks.ts')).checkNetworks(kernel, networks)
}

/** After its birth, and before anything of it runs. */
async function attached({ creation, record }: Created, { networks, routes }: ContainerConfig): Promise<NetworkState> {
  if (networks.length === 0 && routes.length === 0) return {}
  const { context, maker } = creation
  const { attachNetworks } = await import('../network/attach-networks.ts')
  return attachNetworks(context.kernel, { maker, pid: record.pid, networks, routes, lock: networkLock(context) })
}

/** Processes of 2014's freezer stand still as soon as they are there. */
function freezeOrEnd(nsinit: Nsinit, { record }: Created): Promise<void> | void {
  try {
    freeze(nsinit.context.kernel, record.groups)
  } catch (error) {
    return endContainer(nsinit).then(() => {
      throw error
    })
  }
}

/** What it may have to share with others is left to the command, which looks whether it does. */
function ownEnd({ context, data, id }: Nsinit, { record }: Created): OwnEnd {
  const { kernel } = context
  const state = networkOf(record.annotations)
  const words = ['end', id, '--of', instanceOf(record), '--exit-code']
  return {
    command: [...kernel.self, 'nsinit', '--data-path', data.path, ...words],
    ...(needsDetach(state) ? {} : { files: { directory: data.fd, names: DATA_FILES } }),
    also(p) {
      detachSteps(p, state)
      removeParentsSteps(p, context, parentsOf(record.annotations))
    },
  }
}
