import { vacateSteps } from '../features/cgroups/group-steps.ts'
import type { CgroupFacts, VacateFacts } from '../host/facts.ts'
import { Agent } from '../process/agent.ts'
import type { Caller } from '../process/caller.ts'
import { type Program, program } from '../program/builder.ts'
import { GroupProgram } from './group-program.ts'
import { readProcesses } from './members.ts'
import { readFiles } from './read-files.ts'
import { AT_FDCWD } from '../linux/at-fdcwd.ts'

/** Key of the clean-up program among those of an agent: sandboxes count from 1. */
const KEY = 0

/** A process that forks while it is looked at leaves a child behind, which the next look finds. */
const MOST_LOOKS = 4

/**
 * Moves the processes of this program out of their own group where that is what it takes to give controllers to groups below it, and has
 * the agent take it back when it ends. Gives the facts as they are then.
 * @throws SyscallError when the kernel does not let it, as in a group that somebody else has joined meanwhile
 */
export async function emptyOwnGroup(caller: Caller, facts: CgroupFacts): Promise<CgroupFacts> {
  const { unified } = facts
  if (!unified?.vacate) return facts
  const { vacate, ...rest } = unified
  const most = mostIn(vacate.directory)
  const limit = (await readFiles(caller, [most])).get(most)?.trim()
  // Where the group cannot be bounded for a moment nobody can tell that the leaf is the last one: then it stays.
  if (limit !== undefined && caller instanceof Agent) caller.onEnd(KEY, returnProgram(vacate, limit))
  await moveAll(caller, vacate)
  return { ...facts, unified: rest }
}

/** The agents are there by now, which the facts do not know. */
async function moveAll(caller: Caller, vacate: VacateFacts): Promise<void> {
  for (let look = 0; look < MOST_LOOKS; look++) {
    const pids = await readProcesses(caller, [{ directory: vacate.directory, version: 2, controllers: [] }])
    // A process that this one does not see has no number that could be written: giving controllers will fail with the kernel's reason.
    const seen = pids.filter((pid) => pid > 0)
    if (look > 0 && seen.length === 0) return
    const moving = new GroupProgram()
    moving.about(vacate.leaf, undefined, (p) => vacateSteps(p, { vacate: { ...vacate, pids: seen } }))
    await moving.run(caller)
  }
}

const mostIn = (directory: string): string => `${directory}/cgroup.max.descendants`

/**
 * The last one left is the agent, which goes back to where it came from, so that the leaf can go. Not while there is another group: without
 * its controllers it would go on without its limits. One more group than the leaf and a probe is one too many, then none of it is done.
 */
export function returnProgram({ directory, leaf }: VacateFacts, limit: string): Program {
  const p = program()
  p.because('cgroups', 'Whether the leaf is the last group: the kernel makes one more, and would make no third')
  const most = p.tolerate(...CANNOT).openat('AT_FDCWD', mostIn(directory), ['O_WRONLY', 'O_CLOEXEC'])
  const bounded = p.tolerate(...CANNOT).write(most, '2')
  const probe = `${leaf}-probe`
  // As its mode, which does not matter, the result of the write: without the bound there is no probe.
  const made = p.tolerate(...CANNOT, 'EAGAIN', 'EEXIST').syscall('mkdirat', AT_FDCWD, probe, bounded)
  p.tolerate(...CANNOT, 'EBUSY').unlinkat('AT_FDCWD', probe, ['AT_REMOVEDIR'])
  p.because('cgroups', 'Without controllers for groups below it the group may hold processes again')
  const flags = ['O_WRONLY', 'O_CLOEXEC'] as const
  const control = p.tolerate(...CANNOT).openat('AT_FDCWD', `${directory}/cgroup.subtree_control`, flags, made)
  for (const controller of ['memory', 'pids', 'cpu', 'cpuset', 'io', 'hugetlb', 'rdma', 'misc']) {
    p.tolerate(...CANNOT, 'EINVAL', 'EBUSY').write(control, `-${controller}`)
  }
  p.close(control)
  const procs = p.tolerate(...CANNOT).openat('AT_FDCWD', `${directory}/cgroup.procs`, flags, made)
  p.tolerate(...CANNOT, 'EBUSY', 'EOPNOTSUPP').write(procs, '0')
  p.close(procs)
  p.because('cgroups', 'Whoever is still in it keeps it')
  p.tolerate(...CANNOT, 'EBUSY').unlinkat('AT_FDCWD', leaf, ['AT_REMOVEDIR'])
  p.tolerate(...CANNOT).write(most, limit)
  p.close(most)
  return p
}

/** The group is gone, or belongs to somebody else. */
const CANNOT = ['ENOENT', 'ENODEV', 'EACCES', 'EPERM'] as const
