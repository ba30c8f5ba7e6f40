import { readFileSync } from 'node:fs'
import { vacateSteps } from '../features/cgroups/group-steps.ts'
import type { CgroupFacts, VacateFacts } from '../host/facts.ts'
import type { Agent } from '../process/agent.ts'
import { type Program, program } from '../program/builder.ts'

/** Key of the clean-up program among those of a root agent: sandboxes count from 1. */
const KEY = 0

/**
 * Moves the processes of this program out of their own group where that is what it takes to give controllers to groups below it, and
 * has the root agent take it back when it ends. Gives the facts as they are then.
 * @throws SyscallError when the kernel does not let it, as in a group that somebody else has joined meanwhile
 */
export async function emptyOwnGroup(root: Agent, facts: CgroupFacts): Promise<CgroupFacts> {
  const { unified } = facts
  if (!unified?.vacate) return facts
  const { vacate, ...rest } = unified
  root.onEnd(KEY, returnProgram(vacate))
  const p = program()
  // The agents are there by now, which the facts do not know.
  vacateSteps(p, { vacate: { ...vacate, pids: pidsIn(vacate.directory) } })
  await root.run(p)
  return { ...facts, unified: rest }
}

const pidsIn = (directory: string): readonly number[] =>
  readFileSync(`${directory}/cgroup.procs`, 'utf8').split('\n').filter(Boolean).map(Number)

/** Nobody is left but the agent, which goes back to where it came from, so that the leaf can go. */
function returnProgram({ directory, leaf }: VacateFacts): Program {
  const p = program()
  p.because('cgroups', 'Without controllers for groups below it the group may hold processes again')
  const control = p
    .tolerate('ENOENT')
    .openat('AT_FDCWD', `${directory}/cgroup.subtree_control`, ['O_WRONLY', 'O_CLOEXEC'])
  for (const controller of ['memory', 'pids', 'cpu', 'cpuset', 'io', 'hugetlb', 'rdma', 'misc']) {
    p.tolerate('EBADF', 'EINVAL', 'ENOENT', 'EBUSY').write(control, `-${controller}`)
  }
  p.tolerate('EBADF').close(control)
  const procs = p.tolerate('ENOENT').openat('AT_FDCWD', `${directory}/cgroup.procs`, ['O_WRONLY', 'O_CLOEXEC'])
  p.tolerate('EBADF', 'EBUSY', 'EOPNOTSUPP').write(procs, '0')
  p.tolerate('EBADF').close(procs)
  p.because('cgroups', 'EBUSY while this program’s process ends, which is tried again; whoever else is in it keeps it')
  p.tolerate('ENOENT').unlinkat('AT_FDCWD', leaf, ['AT_REMOVEDIR'])
  return p
}
