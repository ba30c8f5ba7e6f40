import { boundingSteps } from '../features/capabilities/capabilities.ts'
import { cgroupNamespaceSteps, loopbackSteps, type Network, unshareSteps } from '../features/namespaces/namespaces.ts'
import { attachBind, openBind } from '../features/root/binds.ts'
import { deviceSteps, nodeSteps } from '../features/root/devices.ts'
import { type ProcPath, procSteps } from '../features/root/proc.ts'
import {
  entrySteps,
  hostReadOnlySteps,
  nameSteps,
  newRootSteps,
  type OwnFile,
  ownFileSteps,
  pivotSteps,
  privateSteps,
  type RootSpec,
} from '../features/root/root-steps.ts'
import { copyTree, READ_ONLY } from '../features/root/trees.ts'
import { becomeRootSteps, type IdMap } from '../features/users/id-map.ts'
import type { Arch } from '../linux/arch.ts'
import type { Fd, Ref } from '../linux/ref.ts'
import { type Program, program } from '../program/builder.ts'
import { LIMITS } from '../protocol/wire.ts'
import type { Settings } from './settings.ts'

/** What the init program is made from. */
export interface InitInput {
  readonly arch: Arch
  readonly settings: Settings
  readonly network: Network
  readonly map: IdMap
  readonly root: RootSpec
  readonly procPaths: readonly ProcPath[]
  /** Whether trees of the host come attached, or are opened here */
  readonly treesAttached: boolean
}

/**
 * The part of a start that the sandbox's own first process does, the later PID 1: everything with a mount in it. It ends without
 * any way back to the host's files, unable to gain a privilege, and out of reach of what will run beside it.
 */
export function initProgram({ arch, settings, network, map, root: spec, procPaths, treesAttached }: InitInput): Program {
  const p = program({ arch })
  unshareSteps(p, network)
  privateSteps(p)
  const nodes = nodeSteps(p)
  gateSteps(p)
  becomeRootSteps(p, map, settings.user)
  cgroupNamespaceSteps(p)
  if (network === 'own') loopbackSteps(p)

  const trees = treesAttached ? attachedTrees(p, settings) : openedTrees(p, settings)
  p.because('root', 'Modes are meant as they are written here')
  p.umask(0)
  hostReadOnlySteps(p)
  const root = newRootSteps(p, spec)
  deviceSteps(p, root, nodes)
  entrySteps(p, root, spec, trees.rootfs)
  ownFileSteps(p, root, spec, settings.user)
  procSteps(p, root, procPaths)
  settings.binds.forEach((bind, index) => attachBind(p, root, bind, trees.binds[index] as Ref<Fd>))
  if (trees.rootfs) p.close(trees.rootfs)
  pivotSteps(p, root)

  boundingSteps(p, settings.capabilities)
  selfDefence(p)
  return p
}

/** What differs between sandboxes that are alike in everything else: their names. Run by the same process, just after `initProgram`. */
export function nameProgram(arch: Arch, hostname: string, files: readonly OwnFile[]): Program {
  const p = program({ arch })
  nameSteps(p, hostname, files)
  return p
}

function gateSteps(p: Program): void {
  p.because('namespaces', 'Waits at the gate: without a map this process is nobody, outside its groups it is not limited')
  p.read(LIMITS.KEPT, 1)
  p.close(LIMITS.KEPT)
}

/** The process stays beside untrusted code: nothing there may look into it, and no key of the host's session is in its reach. */
function selfDefence(p: Program): void {
  p.because('init', 'A session keyring of its own: the caller’s keys are not the sandbox’s (keyrings(7))')
  p.tolerate('ENOSYS', 'EPERM', 'EDQUOT', 'EACCES').syscall('keyctl', KEYCTL_JOIN_SESSION_KEYRING, null)
  p.because('init', 'Untrusted code beside it may not trace it or open its /proc files (CVE-2016-9962)')
  p.prctl('PR_SET_DUMPABLE', 0, 0, 0, 0)
}

/** linux/keyctl.h */
const KEYCTL_JOIN_SESSION_KEYRING = 1

interface Trees {
  readonly rootfs: Ref<Fd> | null
  readonly binds: readonly Ref<Fd>[]
}

function attachedTrees(p: Program, settings: Settings): Trees {
  const first = settings.rootfs ? 1 : 0
  return {
    rootfs: settings.rootfs ? p.attached(0) : null,
    binds: settings.binds.map((_, index) => p.attached(first + index)),
  }
}

function openedTrees(p: Program, settings: Settings): Trees {
  p.because('root', 'The caller’s own tree, opened with the caller’s own rights')
  return {
    rootfs: settings.rootfs ? copyTree(p, 'AT_FDCWD', settings.rootfs.path, READ_ONLY) : null,
    binds: settings.binds.map((bind) => openBind(p, bind, null)),
  }
}
