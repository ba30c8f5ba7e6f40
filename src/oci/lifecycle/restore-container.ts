import { StateError, UnsupportedError } from '../../base/errors.ts'
import { makesNamespace } from '../../bundle/mounts/mount-facts.ts'
import type { Config, NamespaceType } from '../../bundle/spec.ts'
import { SyncAgent } from '../../kernel/agent.ts'
import { close, O, open } from '../../kernel/descriptors.ts'
import { readText, removeFile, writeAtomic } from '../../kernel/files.ts'
import { stat } from '../../kernel/stat.ts'
import { program } from '../../program/builder.ts'
import { cloneStep } from '../../program/special.ts'
import { signalGroup } from '../cgroups/kill-group.ts'
import { groupSteps } from '../cgroups/group-steps.ts'
import { updateGroup } from '../cgroups/update-group.ts'
import type { Context } from '../context.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { type PlannedCreation, planCreation, readBundle } from './create-container.ts'
import { type CriuOptions, type CriuPlaces, criuPlaces, criuWords, INVENTORY, NETWORK_KEY, runCriu } from './criu.ts'
import { stateText } from './hook-state.ts'
import { runHooks } from './hooks.ts'
import type { KeptDescriptors } from './kept-descriptors.ts'
import { outsideSourceWords } from './outside-mounts.ts'
import { recordAhead, recordOf, rootPath } from './record-of.ts'
import { inheritedStreams } from './standard-streams.ts'
import { Undo } from './undo.ts'

const SIGCONT = 18

/** What `restore` is told. */
export interface RestoreOptions extends CriuOptions {
  readonly bundle?: string
  readonly pidFile?: string
  readonly lsmProfile?: string
  readonly lsmMountContext?: string
}

/** A container whose processes are there again. */
export interface Restored {
  readonly record: ContainerRecord
  readonly config: Config
  /** Parent of the first process, to be ended when it is to have another */
  readonly maker: SyncAgent
}

/** Makes the processes of a checkpoint again, in groups of the container's own. Whatever fails, nothing of it stays. */
export async function restoreContainer(context: Context, id: string, options: RestoreOptions): Promise<Restored> {
  const { kernel, store } = context
  const places = criuPlaces(context, options)
  if (!stat(kernel, `${places.images}/${INVENTORY}`)) {
    throw new StateError(`${places.images} holds no checkpoint: no such file or directory (${INVENTORY})`, {
      state: 'absent',
      wanted: 'images',
    })
  }
  const maker = SyncAgent.start(kernel)
  const undo = new Undo(context, id, maker)
  try {
    const bundle = readBundle(context, options.bundle)
    refuseTerminal(bundle.config)
    const roomy = { ...bundle, config: withRoom(bundle.config) }
    const keep = (): KeptDescriptors => ({ all: [], stdio: [], preserved: [] })
    const planned = planCreation(context, { id }, { bundle: roomy, keep })
    store.claim(id)
    undo.claimed(bundle.config, bundle.path)
    undo.grouped(planned.group.places)
    store.saveConfig(id, bundle.text)
    // Whoever kills this leaves what criu has made so far in groups that `delete --force` finds.
    store.save(recordAhead(planned))
    const inside = enterGroups(planned, maker)
    const held = await holdGroups(planned, inside)
    undo.grouped(held.groups, held.scope)
    if (held.scope) store.save({ ...recordAhead(planned), ...held })
    const pid = restoreTree({ planned, options, places, inside, groups: held.groups })
    undo.made(pid)
    const record = recordOf(planned, pid, held)
    const pids = bundle.config.linux?.resources?.pids
    if (pids) await updateGroup(kernel, held, { pids })
    store.save(record)
    undo.hooksRan()
    goOn(context, { record, config: bundle.config, maker })
    if (options.pidFile) writeAtomic(kernel, options.pidFile, String(pid), { mode: 0o644 })
    return { record, config: bundle.config, maker }
  } catch (error) {
    await undo.run()
    throw error
  }
}

function refuseTerminal({ process }: Config): void {
  if (!process?.terminal) return
  throw new UnsupportedError('/process/terminal: criu(8) cannot make a terminal again whose master is outside', {
    fact: 'criu terminal',
    remedy: 'restore a container that was made without a terminal',
  })
}

/** Processes that make those of the container, and count among them until they have ended */
const HELPERS = 64

/** The limit of processes does not stand in the way of those that restore it: it is written when they are done. */
function withRoom(config: Config): Config {
  const { linux } = config
  const limit = linux?.resources?.pids?.limit
  if (limit === undefined || limit <= 0) return config
  return { ...config, linux: { ...linux, resources: { ...linux?.resources, pids: { limit: limit + HELPERS } } } }
}

type Held = Pick<ContainerRecord, 'groups' | 'scope'>

/** Where systemd makes the groups, it makes them around whoever is to be in them. */
async function holdGroups({ context, group }: PlannedCreation, inside: SyncAgent): Promise<Held> {
  if (!group.scope) return { groups: group.places }
  const { startScopeSync } = await import('../cgroups/systemd-scope.ts')
  const { places, scope } = startScopeSync(context.kernel, group, inside.pid as number)
  return { groups: places, scope }
}

interface Restoration {
  readonly planned: PlannedCreation
  readonly options: RestoreOptions
  readonly places: CriuPlaces
  /** A process in the groups */
  readonly inside: SyncAgent
  readonly groups: ContainerRecord['groups']
}

/** Has criu make the tree from within the groups; the pid of its first process. */
function restoreTree({ planned, options, places, inside, groups }: Restoration): number {
  const { context, bundle } = planned
  const { kernel, store } = context
  const { config, path } = bundle
  const rootfs = rootPath(bundle)
  standInPlace(inside, rootfs, config)
  const pidFile = `${store.directory(planned.options.id)}/restored.pid`
  const network = joined(config, 'network')
  const opened = [open(kernel, '/dev/null', O.RDWR), ...(network ? [open(kernel, network, O.RDONLY)] : [])]
  try {
    const words = [
      // The tree is made where criu itself is: in groups that have the limits of this configuration.
      ...criuWords(options, places),
      ...['--root', rootfs, '--restore-detached', '--pidfile', pidFile],
      ...outsideSourceWords(config, { bundle: path, groups }),
      ...(network ? ['--inherit-fd', `fd[${OFFERED.network}]:${NETWORK_KEY}`] : []),
      ...(['ipc', 'uts'] as const).flatMap((type) => joinWords(type, joined(config, type))),
      ...inheritedStreams(kernel, places.images, OFFERED),
      ...(options.lsmProfile === undefined ? [] : ['--lsm-profile', options.lsmProfile]),
      ...(options.lsmMountContext === undefined ? [] : ['--lsm-mount-context', options.lsmMountContext]),
      ...(hasHooks(config) ? ['--leave-stopped'] : []),
    ]
    runCriu(context, { agent: inside, action: 'restore', words, places, descriptors: [0, 1, 2, ...opened] })
    return Number(readText(kernel, pidFile))
  } finally {
    opened.forEach((fd) => close(kernel, fd))
    removeFile(kernel, pidFile)
    inside.close()
  }
}

/** Descriptors that criu has */
const OFFERED = { first: 3, null: 6, network: 7 } as const

const joined = ({ linux }: Config, type: NamespaceType): string | undefined =>
  linux?.namespaces?.find((each) => each.type === type && each.path)?.path

const joinWords = (type: string, path: string | undefined): string[] =>
  path === undefined ? [] : ['--join-ns', `${type}:${path}`]

/** A child of the maker that is in the groups: whatever it makes is born there. */
function enterGroups({ group }: PlannedCreation, maker: SyncAgent): SyncAgent {
  const build: Parameters<typeof SyncAgent.child>[1] = (p, control) => {
    const entry = groupSteps(p, group)
    const { pid, pidfd } = cloneStep(p, {
      flags: ['CLONE_NEWNS'],
      control,
      ...(entry.cgroup ? { cgroup: entry.cgroup } : {}),
    })
    p.close(pidfd)
    entry.settle(pid)
    return pid
  }
  return SyncAgent.child(maker, build).agent
}

/**
 * criu(8) wants the root as a mount, with nothing that travels back to the host; and what it makes is to have a namespace of groups
 * that begins at the group it is in, which it cannot make where it leaves groups alone.
 */
function standInPlace(agent: SyncAgent, rootfs: string, config: Config): void {
  const p = program()
  p.because('criu', 'The root as a mount of its own, in a mount namespace that ends with criu')
  if (makesNamespace(config, 'cgroup')) p.unshare(['CLONE_NEWCGROUP'])
  p.mount(null, '/', null, ['MS_REC', 'MS_SLAVE'], null)
  p.mount(rootfs, rootfs, null, ['MS_BIND', 'MS_REC'], null)
  agent.run(p)
}

const hasHooks = ({ hooks }: Config): boolean => Boolean(hooks?.prestart ?? hooks?.createRuntime)

/** Hooks of the runtime find the processes stopped, before any of them goes on. */
function goOn({ kernel }: Context, { record, config, maker }: Restored): void {
  if (!hasHooks(config)) return
  const run = { kernel, place: maker, state: stateText(record, 'creating', config.ociVersion) }
  runHooks(config.hooks, 'prestart', run)
  runHooks(config.hooks, 'createRuntime', run)
  signalGroup(kernel, record.groups, SIGCONT)
}
