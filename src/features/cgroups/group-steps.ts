import { DecimalPath } from '../../linux/decimal-path.ts'
import type { Fd, Pid, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import { LIMITS } from '../../protocol/wire.ts'
import { writeSteps } from '../users/id-map.ts'
import type { CgroupGroup, CgroupPlan, CgroupWrite } from './plan-cgroups.ts'
import { AT_FDCWD } from '../../linux/at-fdcwd.ts'

/** Descriptor by path of a directory of the host, for a process that cannot name it by path. */
export type HostDirectories = Readonly<Record<string, number>>

const NONE: HostDirectories = {}

/** Makes the groups and writes their limits, before anybody is in them. */
export function groupSteps(
  p: Program,
  plan: Pick<CgroupPlan, 'enable' | 'groups'>,
  directories: HostDirectories = NONE,
): void {
  plan.enable.forEach((write) => writeStep(p, write, directories))
  for (const group of plan.groups) {
    if (group.shared) levelSteps(p, group, directories)
    else {
      p.because('cgroups', `A group of its own${describe(group)}, with its limits written before anybody is in it`)
      p.mkdirat(...place(group.directory, directories), 0o755)
      group.files.forEach((write) => writeStep(p, write, directories))
    }
  }
}

/** On v1 each controller has a tree, and each tree a group; on v2 one group has them all (cgroups(7)). */
function describe({ version, controllers }: CgroupGroup): string {
  const names = controllers.join(', ')
  if (version === 1) return ` for the ${names} controller (cgroup v1)`
  return names === '' ? ' (cgroup v2)' : ` for ${names} (cgroup v2)`
}

/** Makes a level that may be there already. What only a new one needs is skipped then, as all steps that use a failed one's result. */
function levelSteps(p: Program, { directory, files }: CgroupGroup, directories: HostDirectories): void {
  const [base, path] = place(directory, directories)
  const fresh = files.filter((write) => write.fresh)
  p.because('cgroups', 'A level above the group, which others may have made and use')
  p.tolerate('EEXIST')
  if (fresh.length === 0) p.mkdirat(base, path, 0o755)
  else {
    const made = p.syscall('mkdirat', base === 'AT_FDCWD' ? AT_FDCWD : base, path, 0o755)
    for (const write of fresh) {
      p.because('cgroups', reasonOf(write))
      const file = p.openat(...place(write.path, directories), ['O_WRONLY', 'O_CLOEXEC'], made)
      p.write(file, write.value)
      p.close(file)
    }
  }
  files.filter((write) => !write.fresh).forEach((write) => writeStep(p, write, directories))
}

/** As a sentence: `bounds memory` is said about a file elsewhere. */
const reasonOf = ({ because }: CgroupWrite): string => because.charAt(0).toUpperCase() + because.slice(1)

/** One write(2): the kernel takes every write as a whole command. */
export function writeStep(p: Program, write: CgroupWrite, directories: HostDirectories = NONE): void {
  p.because('cgroups', reasonOf(write))
  const [directory, path] = place(write.path, directories)
  if (!write.optional) return writeSteps(p, directory, path, write.value)
  const file = p.tolerate('ENOENT').openat(directory, path, ['O_WRONLY', 'O_CLOEXEC'])
  // EOPNOTSUPP: the disk has another scheduler than the file is for. Anything else is a limit that is there and would not hold.
  p.tolerate('EOPNOTSUPP').write(file, write.value)
  p.close(file)
}

/** Puts a process into every group of a plan. */
export function joinSteps(
  p: Program,
  plan: Pick<CgroupPlan, 'join'>,
  pid: Ref<Pid> | number,
  directories: HostDirectories = NONE,
): void {
  for (const { path } of plan.join) {
    p.because('cgroups', 'In its groups before anything of the sandbox runs: nothing escapes a limit')
    const file = p.openat(...place(path, directories), ['O_WRONLY', 'O_CLOEXEC'])
    if (typeof pid === 'number') p.write(file, String(pid))
    else p.syscall('write', file, new DecimalPath('', pid), LIMITS.TEXT)
    p.close(file)
  }
}

/** Opens the directory of a v2 group, for CLONE_INTO_CGROUP and bpf(2). */
export const openGroup = (p: Program, directory: string, directories: HostDirectories = NONE): Ref<Fd> =>
  p.openat(...place(directory, directories), ['O_RDONLY', 'O_DIRECTORY', 'O_CLOEXEC'])

/** Removes what `groupSteps` made; fails with EBUSY while the last process is not quite gone, so that it can be run again. */
export function removeSteps(p: Program, plan: Pick<CgroupPlan, 'groups' | 'remove'>): void {
  const shared = new Set(plan.groups.filter((group) => group.shared).map(({ directory }) => directory))
  for (const directory of plan.remove) {
    // A level that others use too stays for them to remove: EBUSY and ENOTEMPTY are how they show.
    if (shared.has(directory)) p.tolerate('ENOENT', 'EBUSY', 'ENOTEMPTY')
    else p.tolerate('ENOENT')
    p.unlinkat('AT_FDCWD', directory, ['AT_REMOVEDIR'])
  }
}

/**
 * Moves the processes of the own v2 group into a leaf below it: cgroups(7), a group either holds processes or gives controllers to
 * its children.
 */
export function vacateSteps(p: Program, plan: Pick<CgroupPlan, 'vacate'>, directories: HostDirectories = NONE): void {
  if (!plan.vacate) return
  const { leaf, pids } = plan.vacate
  p.because('cgroups', 'A leaf for the processes of the own group: only an empty one gives controllers to its children')
  p.tolerate('EEXIST').mkdirat(...place(leaf, directories), 0o755)
  for (const pid of pids) {
    const file = p.openat(...place(`${leaf}/cgroup.procs`, directories), ['O_WRONLY', 'O_CLOEXEC'])
    // ESRCH: it has ended meanwhile, which is as good.
    p.tolerate('ESRCH').write(file, String(pid))
    p.close(file)
  }
}

/** A path as the process can name it: below one of its descriptors, or as it is. */
function place(path: string, directories: HostDirectories): [number | 'AT_FDCWD', string] {
  for (const [directory, descriptor] of Object.entries(directories)) {
    if (path.startsWith(`${directory}/`)) return [descriptor, path.slice(directory.length + 1)]
  }
  return ['AT_FDCWD', path]
}
