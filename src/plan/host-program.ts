import type { CgroupPlan, CgroupWrite } from '../features/cgroups/plan-cgroups.ts'
import { BIRTH_NAMESPACES } from '../features/namespaces/namespaces.ts'
import { idmapSteps, openBind } from '../features/root/binds.ts'
import { copyTree, READ_ONLY } from '../features/root/trees.ts'
import { type IdMap, idMapSteps, writeSteps } from '../features/users/id-map.ts'
import type { Arch } from '../linux/arch.ts'
import { DecimalPath } from '../linux/decimal-path.ts'
import type { Fd, Pid, Ref } from '../linux/ref.ts'
import { type Program, program } from '../program/builder.ts'
import { cloneStep } from '../program/special.ts'
import { LIMITS } from '../protocol/wire.ts'
import type { Settings } from './settings.ts'

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
}

/** Descriptor by path of a directory of the host. */
export type HostDirectories = Readonly<Record<string, number>>

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
export function hostProgram({ arch, settings, map, cgroups, opensTrees, directories = {} }: HostInput): HostProgram {
  const p = program({ arch })
  p.because('namespaces', 'A gate: the child waits there until it has ids and is in its groups; closing it opens it')
  const gate = p.pipe2(['O_CLOEXEC'])
  p.because(
    'namespaces',
    'Born with user and pid namespace, all others are its own work; a socket of its own to the caller',
  )
  const { pid, pidfd } = cloneStep(p, { flags: BIRTH_NAMESPACES, control: p.attached(0), keep: [gate.read] })
  p.send(pidfd)
  p.close(gate.read)
  groupSteps(p, cgroups, directories)
  joinSteps(p, cgroups, pid, directories)
  if (map.writer === 'newuidmap') {
    p.send(gate.write)
    return { program: p, pid }
  }
  idMapSteps(p, pid, map)
  if (opensTrees) treeSteps(p, settings, pid)
  p.because('namespaces', 'The gate opens')
  p.close(gate.write)
  return { program: p, pid }
}

/** Makes the groups and writes their limits, before anybody is in them. */
function groupSteps(p: Program, cgroups: CgroupPlan, directories: HostDirectories): void {
  cgroups.enable.forEach((write) => cgroupWrite(p, write, directories))
  for (const group of cgroups.groups) {
    p.because('cgroups', 'A group of its own, with its limits written before anybody is in it')
    p.mkdirat(...place(group.directory, directories), 0o755)
    group.files.forEach((write) => cgroupWrite(p, write, directories))
  }
}

/** One write(2) each: the kernel takes every write as a whole command. */
function cgroupWrite(p: Program, write: CgroupWrite, directories: HostDirectories): void {
  p.because('cgroups', write.because)
  const [directory, path] = place(write.path, directories)
  if (!write.optional) return writeSteps(p, directory, path, write.value)
  const file = p.tolerate('ENOENT', 'EACCES', 'EPERM').openat(directory, path, ['O_WRONLY', 'O_CLOEXEC'])
  p.tolerate('EINVAL', 'EOPNOTSUPP', 'EBUSY').write(file, write.value)
  p.close(file)
}

/** A path as the maker can name it: below one of its descriptors, or as it is. */
function place(path: string, directories: HostDirectories): [number | 'AT_FDCWD', string] {
  for (const [directory, descriptor] of Object.entries(directories)) {
    if (path.startsWith(`${directory}/`)) return [descriptor, path.slice(directory.length + 1)]
  }
  return ['AT_FDCWD', path]
}

function joinSteps(p: Program, cgroups: CgroupPlan, pid: Ref<Pid>, directories: HostDirectories): void {
  for (const { path } of cgroups.join) {
    p.because('cgroups', 'In its groups before anything of the sandbox runs: nothing escapes a limit')
    const file = p.openat(...place(path, directories), ['O_WRONLY', 'O_CLOEXEC'])
    p.syscall('write', file, new DecimalPath('', pid), LIMITS.TEXT)
    p.close(file)
  }
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

/** Removes the groups, when everything in the sandbox has ended; kept by the root agent, so that it happens without this process too. */
export function leaveProgram(arch: Arch, cgroups: CgroupPlan): Program | null {
  if (cgroups.remove.length === 0) return null
  const p = program({ arch })
  p.because(
    'cgroups',
    'Nothing is left behind; EBUSY means that the last process is not quite gone, and is tried again',
  )
  for (const directory of cgroups.remove) p.tolerate('ENOENT').unlinkat('AT_FDCWD', directory, ['AT_REMOVEDIR'])
  return p
}
