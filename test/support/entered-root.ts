import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { copyUpRounds } from '../../src/bundle/mounts/tmpcopyup.ts'
import {
  type ContainerCgroups,
  mountFacts,
  type MountFacts,
  type SourceKind,
} from '../../src/bundle/mounts/mount-facts.ts'
import { mountSteps } from '../../src/bundle/mounts/mount-steps.ts'
import { openSources, sourceSteps } from '../../src/bundle/mounts/source-steps.ts'
import { deviceNodeSteps } from '../../src/bundle/root/device-nodes.ts'
import { enterRootSteps } from '../../src/bundle/root/enter-root.ts'
import {
  closeRootSteps,
  maskSteps,
  readonlyRootSteps,
  readonlySteps,
  rootfsPropagationSteps,
  sysctlSteps,
} from '../../src/bundle/root/finish-root.ts'
import { copiesOf, prepareRootSteps, resumeRoot, verifyRoot } from '../../src/bundle/root/root.ts'
import type { Config } from '../../src/bundle/spec.ts'
import { SyncAgent } from '../../src/kernel/agent.ts'
import { currentKernel } from '../../src/kernel/current.ts'
import { idMapSteps } from '../../src/features/users/id-map.ts'
import type { CloneFlag } from '../../src/linux/tables/clone.ts'
import { type Program, program } from '../../src/program/builder.ts'
import { cloneStep, descriptorsStep } from '../../src/program/special.ts'
import { type Bundle, type BundleOptions, type Changes, makeBundle } from './oci-bundle.ts'

const FLAGS: Readonly<Record<string, CloneFlag>> = {
  mount: 'CLONE_NEWNS',
  pid: 'CLONE_NEWPID',
  network: 'CLONE_NEWNET',
  ipc: 'CLONE_NEWIPC',
  uts: 'CLONE_NEWUTS',
  cgroup: 'CLONE_NEWCGROUP',
  user: 'CLONE_NEWUSER',
}

export interface EnterOptions extends BundleOptions {
  readonly pivot?: boolean
  readonly cgroups?: ContainerCgroups
  readonly rootMount?: string
  readonly visibleProc?: readonly string[]
  /** Runs where hooks of the runtime would: between the mounts and the way into the root, which is another program then */
  readonly between?: (pid: number, bundle: Bundle) => void
  /** Before the bundle is removed: whatever changes it must have ended */
  readonly settle?: () => void
}

/** A process that stands in a container's root file system, which no program was executed in. */
export interface Entered {
  readonly bundle: Bundle
  readonly pid: number
  /** Lines of its mountinfo, from the mount point on */
  readonly mounts: () => readonly string[]
  /** What a shell in the root prints; both of its streams */
  readonly sh: (script: string) => string
  /** Its listing */
  readonly program: string
}

/** Makes a bundle, builds and enters its root in new namespaces, shows it, and takes everything away again. */
export async function enterRoot(
  changes: Changes,
  options: EnterOptions,
  look: (entered: Entered) => void | Promise<void>,
): Promise<void> {
  const kernel = await currentKernel()
  const path = mkdtempSync(join(tmpdir(), 'carrel-root-'))
  const maker = SyncAgent.start(kernel)
  const children: SyncAgent[] = []
  try {
    const bundle = makeBundle(join(path, 'bundle'), 'root', changes, options)
    await look(enter(maker, children, bundle, options))
  } finally {
    for (const child of children) child.close()
    maker.end()
    options.settle?.()
    rmSync(path, { recursive: true, force: true })
  }
}

function enter(maker: SyncAgent, children: SyncAgent[], bundle: Bundle, options: EnterOptions): Entered {
  const config = bundle.config as unknown as Config
  const namespaces = (config.linux?.namespaces ?? []).filter(({ path }) => path === undefined).map(({ type }) => type)
  const userNamespace = namespaces.includes('user')
  const facts = factsOf(config, bundle, userNamespace, options)
  const opened = program()
  const made = sourceSteps(opened, config, facts)
  const sources = maker.run(opened)
  const flags = namespaces.map((type) => FLAGS[type]).filter((flag) => flag !== undefined)
  const { agent: init } = SyncAgent.child(maker, (p, control) => {
    const { pid, pidfd } = cloneStep(p, { flags, control, keep: made.map(({ fd }) => sources.get(fd) as never) })
    p.close(pidfd)
    if (userNamespace)
      idMapSteps(p, pid, { writer: 'parent', uids: rows(config, 'uidMappings'), gids: rows(config, 'gidMappings') })
    return pid
  })
  children.push(init)
  const pid = init.pid as number
  const first = program()
  const received = made.map((_, index) => 4 + index)
  const shown = openSources(first, config, facts, received)
  const built = prepareRootSteps(first, config, facts, shown)
  if (userNamespace) {
    first.setresgid(0, 0, 0)
    first.setresuid(0, 0, 0)
  }
  mountSteps(first, built, config, facts, shown)
  deviceNodeSteps(first, built, config, facts, shown)
  let [p, root] = [first, built]
  if (options.between) {
    const result = init.run(first)
    verifyRoot(built, result)
    options.between(pid, bundle)
    p = program()
    root = resumeRoot(built, result)
  }
  enterRootSteps(p, root, { pivot: options.pivot ?? true, facts })
  sysctlSteps(p, root, config.linux?.sysctl)
  rootfsPropagationSteps(p, root, config.linux?.rootfsPropagation)
  maskSteps(p, root, config.linux?.maskedPaths)
  readonlySteps(p, root, config.linux?.readonlyPaths)
  readonlyRootSteps(p, root, config)
  closeRootSteps(p, root)
  const result = init.run(p)
  verifyRoot(root, result)
  const rounds = copyUpRounds(p.arch, copiesOf(root, result))
  for (let round = rounds.next(); !round.done;) round = rounds.next(init.run(round.value))
  const mounts = (): string[] =>
    readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ').slice(4).join(' '))
  return { bundle, pid, mounts, sh: (script) => shell(init, bundle, script), program: String(p) }
}

const rows = (config: Config, key: 'uidMappings' | 'gidMappings') =>
  (config.linux?.[key] ?? []).map(({ containerID, hostID, size }) => ({
    inside: containerID,
    outside: hostID,
    count: size,
  }))

function factsOf(config: Config, bundle: Bundle, userNamespace: boolean, options: EnterOptions): MountFacts {
  const asked = mountFacts(config)
  const kinds = Object.fromEntries(
    asked.sources.map((path): [string, SourceKind] => [
      path,
      kindOf(path.startsWith('/') ? path : join(bundle.path, path)),
    ]),
  )
  return {
    bundle: bundle.path,
    kinds,
    userNamespace,
    nodesOfHost: userNamespace,
    privileged: true,
    ...(options.cgroups ? { cgroups: options.cgroups } : {}),
    ...(options.rootMount === undefined ? {} : { rootMount: options.rootMount }),
    ...(options.visibleProc ? { visibleProc: options.visibleProc } : {}),
  }
}

function kindOf(path: string): SourceKind {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat ? (stat.isDirectory() ? 'directory' : 'file') : 'missing'
}

function shell(init: SyncAgent, bundle: Bundle, script: string): string {
  const out = join(bundle.path, 'out')
  const fd = openSync(out, 'w')
  const child = init.fork()
  try {
    const p: Program = program()
    const file = p.attached(0)
    descriptorsStep(p, [
      [file, 1],
      [file, 2],
    ])
    p.execve('/bin/busybox', ['sh', '-c', script], ['PATH=/bin'])
    child.become(p, { descriptors: [fd] })
    init.waitFor(child.pid as number, 20_000)
    return readFileSync(out, 'utf8').trimEnd()
  } finally {
    closeSync(fd)
    child.close()
  }
}
