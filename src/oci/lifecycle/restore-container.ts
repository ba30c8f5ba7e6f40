import { StateError } from '../../base/errors.ts'
import type { Config } from '../../bundle/spec.ts'
import { SyncAgent } from '../../kernel/agent.ts'
import { close, O, open } from '../../kernel/descriptors.ts'
import { readText, removeFile, writeAtomic } from '../../kernel/files.ts'
import { stat } from '../../kernel/stat.ts'
import { program } from '../../program/builder.ts'
import { cloneStep } from '../../program/special.ts'
import { signalGroup } from '../cgroups/kill-group.ts'
import { groupSteps } from '../cgroups/group-steps.ts'
import type { Context } from '../context.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { type PlannedCreation, planCreation, readBundle } from './create-container.ts'
import {
  type CriuOptions,
  type CriuPlaces,
  criuPlaces,
  criuWords,
  externalMounts,
  NETWORK_KEY,
  runCriu,
} from './criu.ts'
import { stateText } from './hook-state.ts'
import { runHooks } from './hooks.ts'
import { recordOf, rootPath } from './record-of.ts'
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
  if (!stat(kernel, `${places.images}/inventory.img`)) {
    throw new StateError(`${places.images} holds no checkpoint: no such file or directory (inventory.img)`, {
      state: 'absent',
      wanted: 'images',
    })
  }
  const maker = SyncAgent.start(kernel)
  const undo = new Undo(context, id, maker)
  try {
    const bundle = readBundle(context, options.bundle)
    const planned = planCreation(context, { id }, { bundle, keep: () => ({ all: [], stdio: [], preserved: [] }) })
    store.claim(id)
    undo.claimed(bundle.config, bundle.path)
    undo.grouped(planned.group.places)
    const pid = restoreTree({ planned, options, places, maker })
    undo.made(pid)
    const record = recordOf(planned, pid, { groups: planned.group.places })
    store.saveConfig(id, bundle.text)
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

interface Restoration {
  readonly planned: PlannedCreation
  readonly options: RestoreOptions
  readonly places: CriuPlaces
  readonly maker: SyncAgent
}

/** Has criu make the tree from within the groups; the pid of its first process. */
function restoreTree({ planned, options, places, maker }: Restoration): number {
  const { context, bundle } = planned
  const { kernel, store } = context
  const { config } = bundle
  const rootfs = rootPath(bundle)
  const inside = enterGroups(planned, maker)
  mountRoot(inside, rootfs)
  const pidFile = `${store.directory(planned.options.id)}/restored.pid`
  const network = config.linux?.namespaces?.find((each) => each.type === 'network' && each.path)?.path
  const opened = network ? [open(kernel, network, O.RDONLY)] : []
  try {
    const words = [
      // The tree is made where criu itself is: in groups that have the limits of this configuration.
      ...criuWords({ manageCgroupsMode: 'ignore', ...options }, places),
      ...['--root', rootfs, '--restore-detached', '--pidfile', pidFile],
      ...externalMounts(config).flatMap(({ place, source }) => ['--external', `mnt[${place}]:${source}`]),
      ...(network ? ['--inherit-fd', `fd[${STREAMS + 3}]:${NETWORK_KEY}`] : []),
      ...inheritedStreams(kernel, places.images, STREAMS),
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

/** First descriptor of those that criu inherits */
const STREAMS = 3

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

/** criu(8) wants the root as a mount, with nothing that travels back to the host. */
function mountRoot(agent: SyncAgent, rootfs: string): void {
  const p = program()
  p.because('criu', 'The root as a mount of its own, in a mount namespace that ends with criu')
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
