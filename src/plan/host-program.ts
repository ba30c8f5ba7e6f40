import {
  groupSteps,
  type HostDirectories,
  joinSteps,
  openGroup,
  removeSteps,
  vacateSteps,
} from '../features/cgroups/group-steps.ts'
import type { CgroupPlan } from '../features/cgroups/plan-cgroups.ts'
import { deviceSteps } from '../features/devices/device-steps.ts'
import { BIRTH_NAMESPACES } from '../features/namespaces/namespaces.ts'
import { idmapSteps, openBind } from '../features/root/binds.ts'
import { copyTree, READ_ONLY } from '../features/root/trees.ts'
import { type IdMap, idMapSteps } from '../features/users/id-map.ts'
import type { Arch } from '../linux/arch.ts'
import { DecimalPath } from '../linux/decimal-path.ts'
import type { Fd, Pid, Ref } from '../linux/ref.ts'
import { type Program, program } from '../program/builder.ts'
import { cloneStep } from '../program/special.ts'
import { forgetSteps, type RecordFile, recordName, recordSteps } from './record-steps.ts'
import type { SandboxRecord } from './sandbox-record.ts'
import type { Identity, Settings } from './settings.ts'

/** What the host program is made from. */
export interface HostInput {
  readonly arch: Arch
  readonly settings: Settings
  readonly map: IdMap
  readonly cgroups: CgroupPlan
  /** Whether trees of the host are opened here (a privileged caller) or by the sandbox's own process */
  readonly opensTrees: boolean
  /** Descriptors of the maker for directories of the host that it cannot name by path */
  readonly directories?: HostDirectories
  /** What is written down about the sandbox, and where; null: nothing */
  readonly record: RecordPlan | null
}

/** The record of a sandbox and the directory that it stands in. */
export interface RecordPlan {
  readonly directory: string
  readonly record: SandboxRecord
}

/** A program and the references into it that its runner needs. */
export interface HostProgram {
  readonly program: Program
  readonly pid: Ref<Pid>
}

/**
 * The root agent's part of a start. Attached: the child's socket, then a user namespace per bind with an owner. Sent: the child's
 * pidfd, then the gate when another program writes the maps, then the trees. Everything after the clone overlaps with the child,
 * which makes its namespaces meanwhile and then waits at the gate.
 */
export function hostProgram({
  arch,
  settings,
  map,
  cgroups,
  opensTrees,
  directories = {},
  record,
}: HostInput): HostProgram {
  const p = program({ arch })
  p.because(
    'namespaces',
    'A pipe is the gate: the child reads from it, and so waits until it has ids and is in its groups; closing the other end lets it go on',
  )
  const gate = p.pipe2(['O_CLOEXEC'])
  if (record) recordSteps(p, recordFile(record.directory, record.record.id, directories), record.record)
  const { unified, others } = byBirth(cgroups)
  const group = unified && birthplaceSteps(p, unified, directories)
  p.because(
    'namespaces',
    'Born in a user and a pid namespace of its own, it makes the others itself; it has a socket of its own to the caller',
  )
  const { pid, pidfd } = cloneStep(p, {
    flags: BIRTH_NAMESPACES,
    control: p.attached(0),
    keep: [gate.read],
    ...(group ? { cgroup: group } : {}),
  })
  p.send(pidfd)
  p.close(gate.read)
  if (group) p.close(group)
  groupSteps(p, others, directories)
  joinSteps(p, others, pid, directories)
  if (map.writer === 'newuidmap') {
    p.send(gate.write)
    return { program: p, pid }
  }
  idMapSteps(p, pid, map)
  if (opensTrees) treeSteps(p, settings, pid)
  p.because('namespaces', 'The gate opens: the child has all that only a process outside can give it')
  p.close(gate.write)
  return { program: p, pid }
}

/** The v2 group, which a process can be born in, and those of v1, which it joins while it makes its namespaces. */
function byBirth(cgroups: CgroupPlan): { readonly unified: CgroupPlan | null; readonly others: CgroupPlan } {
  const only = (version: 1 | 2): CgroupPlan => ({
    ...cgroups,
    groups: cgroups.groups.filter((group) => group.version === version),
    join: cgroups.join.filter((join) => join.version === version),
  })
  const unified = only(2)
  return { unified: unified.join.length > 0 ? unified : null, others: { ...only(1), enable: [] } }
}

/** Makes the v2 group and opens it for CLONE_INTO_CGROUP (Linux 5.7): nobody is ever outside, and nobody is moved. */
function birthplaceSteps(p: Program, cgroups: CgroupPlan, directories: HostDirectories): Ref<Fd> {
  vacateSteps(p, cgroups, directories)
  groupSteps(p, cgroups, directories)
  const [birthplace] = cgroups.join
  p.because('cgroups', 'Its first process is born in it: moving one later takes a lock that stops every fork and exec')
  const group = openGroup(p, birthplace?.directory ?? '', directories)
  if (cgroups.devices) deviceSteps(p, group, cgroups.devices)
  return group
}

/** Opens what only the caller may: paths below directories that a nobody cannot pass. */
function treeSteps(p: Program, settings: Settings, pid: Ref<Pid>): void {
  if (settings.rootfs) {
    p.because('root', 'The tree’s root user is shown as the sandbox’s; its files stay what they are (idmapped mount)')
    const tree = copyTree(p, 'AT_FDCWD', settings.rootfs.path, READ_ONLY)
    const userns = userNamespaceSteps(p, pid)
    // EINVAL: a file system without idmapped mounts; its files then belong to nobody, and stay read-only.
    p.tolerate('EINVAL', 'EPERM')
    idmapSteps(p, tree, userns)
    p.close(userns)
    p.send(tree)
  }
  let next = 1
  for (const bind of settings.binds) {
    const owner: Ref<Fd> | null = bind.owner ? p.attached(next++) : null
    p.send(openBind(p, bind, owner))
    if (owner) p.close(owner)
  }
}

/** Opens the user namespace of a child. */
function userNamespaceSteps(p: Program, pid: Ref<Pid>): Ref<Fd> {
  const directory = p.openat('AT_FDCWD', new DecimalPath('/proc/', pid), ['O_PATH', 'O_DIRECTORY', 'O_CLOEXEC'])
  const userns = p.openat(directory, 'ns/user', ['O_RDONLY', 'O_CLOEXEC'])
  p.close(directory)
  return userns
}

/** Makes a user namespace that holds nothing but a map, for an idmapped mount; sends its process's pidfd, then the namespace. */
export function ownerMapProgram(arch: Arch, map: IdMap): HostProgram {
  const p = program({ arch })
  p.because('binds', 'A map as an object: what an idmapped mount takes (mount_setattr(2))')
  const { pid, pidfd } = cloneStep(p, { flags: ['CLONE_NEWUSER'], control: p.attached(0) })
  idMapSteps(p, pid, map)
  p.because('binds', 'The namespace lives as long as this descriptor; its process may go')
  const userns = userNamespaceSteps(p, pid)
  p.send(pidfd)
  p.send(userns)
  return { program: p, pid }
}

/** File of a record. */
export const recordPath = ({ directory, record }: RecordPlan): string => `${directory}/${recordName(record.id)}`

/** What stands still in v1's freezer takes no signal, not even SIGKILL, which it has been sent by now. */
function thawSteps(p: Program, { groups }: CgroupPlan): void {
  for (const { directory } of groups.filter(
    ({ version, controllers }) => version === 1 && controllers.includes('freezer'),
  )) {
    p.because('cgroups', 'A process that is frozen takes no signal, not even SIGKILL')
    const file = p.tolerate('ENOENT').openat('AT_FDCWD', `${directory}/freezer.state`, ['O_WRONLY', 'O_CLOEXEC'])
    p.tolerate('EBADF', 'ENODEV').write(file, 'THAWED')
    p.tolerate('EBADF').close(file)
  }
}

/** A record as the maker can name it. */
const recordFile = (directory: string, id: string, directories: HostDirectories): RecordFile => {
  const known = directories[directory]
  return known === undefined ? ['AT_FDCWD', `${directory}/${recordName(id)}`] : [known, recordName(id)]
}

/**
 * Removes the groups, when everything in the sandbox has ended, and then its record; kept by the root agent, so that it happens
 * without this process too.
 */
export function leaveProgram(arch: Arch, cgroups: CgroupPlan, { id, recordDirectory }: Identity): Program | null {
  if (cgroups.remove.length === 0 && recordDirectory === null) return null
  const p = program({ arch })
  thawSteps(p, cgroups)
  p.because(
    'cgroups',
    'Nothing is left behind; EBUSY means that the last process is not quite gone, and is tried again',
  )
  removeSteps(p, cgroups)
  if (recordDirectory !== null) forgetSteps(p, recordFile(recordDirectory, id, {}))
  return p
}
