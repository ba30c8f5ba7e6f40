import { boundingSteps } from '../features/capabilities/capabilities.ts'
import { cgroupNamespaceSteps, loopbackSteps, type Network, unshareSteps } from '../features/namespaces/namespaces.ts'
import {
  type BaseSpec,
  baseSteps,
  hideSourceSteps,
  hostReadOnlySteps,
  newRootSteps,
  type OwnFile,
  pivotSteps,
  privateSteps,
  sealSteps,
  showSourceSteps,
} from '../features/root/base-steps.ts'
import { attachBind, openBind } from '../features/root/binds.ts'
import { deviceSteps, nodeSteps, terminalsSteps } from '../features/root/devices.ts'
import { nameSteps, type OwnPlace, ownSteps } from '../features/root/own-steps.ts'
import { coverProcSteps, type ProcPath, procSteps } from '../features/root/proc.ts'
import { copyTree, READ_ONLY, type Root } from '../features/root/trees.ts'
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
  /** What the root is made of; null: it is there already, the process was born in a cradle */
  readonly base: BaseSpec | null
  readonly places: readonly OwnPlace[]
  readonly procPaths: readonly ProcPath[]
  /** Whether trees of the host come attached, or are opened here */
  readonly treesAttached: boolean
}

/**
 * The part of a start that the sandbox's own first process does, the later PID 1: everything with a mount in it. It ends without
 * any way back to the host's files, unable to gain a privilege, and out of reach of what will run beside it.
 */
export function initProgram(input: InitInput): Program {
  const { arch, settings, network, map, base, places, procPaths } = input
  const p = program({ arch })
  unshareSteps(p, network)
  privateSteps(p)
  const nodes = base ? nodeSteps(p) : []
  gateSteps(p)
  becomeRootSteps(p, map, settings.user)
  cgroupNamespaceSteps(p)
  if (network === 'own') loopbackSteps(p)
  p.because('root', 'Modes are meant as they are written here')
  p.umask(0)

  const trees = input.treesAttached ? attachedTrees(p, settings) : openedTrees(p, settings)
  const root = base ? rootSteps(p, base, nodes, trees.rootfs) : null
  if (!root) procSteps(p, 'AT_FDCWD', '/proc')
  terminalsSteps(p)
  coverProcSteps(p, procPaths)
  ownSteps(p, { sizeBytes: settings.tmpBytes, places }, settings.user)
  if (root) {
    settings.binds.forEach((bind, index) => attachBind(p, root, bind, trees.binds[index] as Ref<Fd>))
    sealSteps(p, root)
  }
  boundingSteps(p, settings.capabilities)
  selfDefence(p)
  return p
}

/** A root file system of the process's own, down to the moment where the old one is gone. */
function rootSteps(p: Program, base: BaseSpec, nodes: readonly Ref<Fd>[], source: Ref<Fd> | null): Root {
  hostReadOnlySteps(p)
  const root = newRootSteps(p)
  deviceSteps(p, root, nodes)
  if (source) showSourceSteps(p, root, source)
  baseSteps(p, root, base, source)
  procSteps(p, root.fd, 'proc')
  pivotSteps(p, root)
  if (source) hideSourceSteps(p, root, source)
  return root
}

/**
 * What a cradle does once: the part of a root that sandboxes share, in a mount and a pid namespace of its own. Directories of the
 * host that its orders name are opened before the host goes out of sight; their descriptors are the results, in order.
 */
export function cradleProgram(
  arch: Arch,
  base: BaseSpec,
  directories: readonly string[],
): { program: Program; opened: readonly Ref<Fd>[] } {
  const p = program({ arch })
  privateSteps(p)
  p.because('cgroups', 'Groups are made below these; by path they cannot be named from here on')
  const opened = directories.map((path) => p.open_tree('AT_FDCWD', path, ['OPEN_TREE_CLONE', 'OPEN_TREE_CLOEXEC']))
  const nodes = nodeSteps(p)
  p.umask(0)
  sealSteps(p, rootSteps(p, base, nodes, null))
  return { program: p, opened }
}

/** What differs between sandboxes that are alike in everything else: their names. Run by the same process, just after `initProgram`. */
export function nameProgram(arch: Arch, hostname: string, files: readonly OwnFile[]): Program {
  const p = program({ arch })
  nameSteps(p, hostname, files)
  return p
}

function gateSteps(p: Program): void {
  p.because(
    'namespaces',
    'Waits at the gate, until the other end of the pipe is closed: without a map this process is nobody, outside its groups it is not limited',
  )
  p.read(LIMITS.KEPT, 1)
  p.close(LIMITS.KEPT)
}

/** The process stays beside untrusted code: nothing there may look into it, and no key of the host's session is in its reach. */
function selfDefence(p: Program): void {
  p.because('init', 'A session keyring of its own: the caller’s keys are not the sandbox’s (keyrings(7))')
  p.tolerate('ENOSYS', 'EPERM', 'EDQUOT', 'EACCES').keyctl('KEYCTL_JOIN_SESSION_KEYRING', null)
  p.because('init', 'Untrusted code beside it may not trace it or open its /proc files (CVE-2016-9962)')
  p.prctl('PR_SET_DUMPABLE', 0, 0, 0, 0)
}

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
