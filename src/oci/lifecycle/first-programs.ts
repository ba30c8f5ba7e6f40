import type { NamespacePlan } from '../../bundle/namespaces/namespace-plan.ts'
import { nameSteps, namespaceRootSteps } from '../../bundle/namespaces/namespace-steps.ts'
import { mountSteps } from '../../bundle/mounts/mount-steps.ts'
import type { MountFacts, Sources } from '../../bundle/mounts/mount-facts.ts'
import { hostPath, openSources } from '../../bundle/mounts/source-steps.ts'
import { type Ready, type ReadyInput, readySteps } from '../../bundle/process/ready-steps.ts'
import { deviceNodeSteps } from '../../bundle/root/device-nodes.ts'
import { chrootSteps, enterRootSteps } from '../../bundle/root/enter-root.ts'
import {
  closeRootSteps,
  maskSteps,
  readonlyRootSteps,
  readonlySteps,
  rootfsPropagationSteps,
  sysctlSteps,
} from '../../bundle/root/finish-root.ts'
import { makeTarget, prepareRootSteps, type Root } from '../../bundle/root/root.ts'
import { surviveSteps } from '../../bundle/start/gate-steps.ts'
import type { Config, Process } from '../../bundle/spec.ts'
import type * as terminalModule from '../../bundle/terminal/terminal.ts'
import { loopbackSteps } from '../../features/namespaces/namespaces.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'

/** What the programs of a first process are planned from. */
export interface FirstInput {
  readonly config: Config
  readonly namespaces: NamespacePlan
  readonly facts: MountFacts
  /** Descriptors of `joinedByFirst`, as the process numbers them */
  readonly joined: readonly number[]
  readonly pivot: boolean
}

/**
 * The part of a start up to where hooks of the runtime are called: everything exists, the old root is still there.
 * @param sources how many descriptors its maker opened for it, attached to the program
 */
export function setupSteps(p: Program, input: FirstInput, sources: number): Root | null {
  const { config, namespaces, facts, joined } = input
  namespaces.joinedByFirst.forEach(({ type, path }, index) => {
    p.because('namespaces', `/linux/namespaces: joins the ${type} namespace at ${path}`)
    p.setns(joined[index] ?? -1, [type === 'mount' ? 'CLONE_NEWNS' : 'CLONE_NEWCGROUP'])
  })
  if (namespaces.newCgroup) {
    p.because('namespaces', 'Only now: the root of a cgroup namespace is the group that its maker is in')
    p.unshare(['CLONE_NEWCGROUP'])
  }
  if (namespaces.newNetwork) loopbackSteps(p)
  nameSteps(p, config.hostname, config.domainname)
  if (namespaces.mount !== 'new') {
    if (facts.userNamespace) namespaceRootSteps(p)
    return null
  }
  const received = Array.from({ length: sources }, (_, index) => p.attached(index))
  return mountsSteps(p, config, { facts, received })
}

function mountsSteps(
  p: Program,
  config: Config,
  { facts, received }: { readonly facts: MountFacts; readonly received: readonly Ref<Fd>[] },
): Root {
  const sources: Sources = openSources(p, config, facts, received)
  const root = prepareRootSteps(p, config, facts, sources)
  if (facts.userNamespace) namespaceRootSteps(p)
  mountSteps(p, root, config, facts, sources)
  deviceNodeSteps(p, root, config, facts, sources)
  return root
}

/** The steps of terminals, loaded only where one is wanted. */
export type Terminals = typeof terminalModule

/** From the hooks on to a root that is the container's own, with a terminal if it has one. */
export function enterSteps(
  p: Program,
  root: Root,
  { config, facts, pivot }: FirstInput,
  terminals: Terminals | null,
): terminalModule.Terminal | null {
  enterRootSteps(p, root, { pivot, facts })
  sysctlSteps(p, root, config.linux?.sysctl)
  const terminal = config.process && terminals ? ownTerminal(p, root, config.process, terminals) : null
  maskSteps(p, root, config.linux?.maskedPaths ?? [])
  readonlySteps(p, root, config.linux?.readonlyPaths ?? [])
  rootfsPropagationSteps(p, root, config.linux?.rootfsPropagation)
  readonlyRootSteps(p, root, config)
  closeRootSteps(p, root)
  return terminal
}

/** The same where no mounts are made: in the runtime's mount namespace the root is entered alone, a joined one is entered as it is. */
export function enterBareSteps(
  p: Program,
  { config, namespaces, facts }: FirstInput,
  terminals: Terminals | null,
): terminalModule.Terminal | null {
  if (namespaces.mount === 'runtime') {
    chrootSteps(
      p,
      p.openat('AT_FDCWD', hostPath(facts, config.root?.path ?? ''), ['O_PATH', 'O_DIRECTORY', 'O_CLOEXEC']),
    )
  }
  return config.process && terminals ? newTerminal(p, config.process, terminals) : null
}

const newTerminal = (p: Program, { user, consoleSize }: Process, terminals: Terminals): terminalModule.Terminal =>
  terminals.terminalSteps(p, 'AT_FDCWD', { uid: user?.uid ?? 0, ...(consoleSize ? { size: consoleSize } : {}) })

function ownTerminal(p: Program, root: Root, process: Process, terminals: Terminals): terminalModule.Terminal {
  const terminal = newTerminal(p, process, terminals)
  terminals.consoleSteps(p, terminal.slave, makeTarget(p, root, '/dev/console', 'file'))
  return terminal
}

/** All that can fail before the program is executed; its answer tells what will be. */
export function readyProgramSteps(p: Program, input: ReadyInput): Ready {
  if (!input.process.terminal) {
    p.because(
      'terminal',
      'A session of its own: no terminal of the caller’s can be its controlling one (CVE-2017-5226)',
    )
    p.setsid()
  }
  const ready = readySteps(p, input)
  surviveSteps(p)
  return ready
}
