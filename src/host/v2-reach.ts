import { no } from './answer.ts'
import { isInnerGroup, writeAnswer } from './cgroup-context.ts'
import type { CgroupContext } from './cgroup-context.ts'
import type { Answer, Controller, VacateFacts } from './facts.ts'
import { readGroupProcesses } from './group-processes.ts'

/** Name of the group below its own that this process and what it started move to, so that the own group can give controllers. */
export const LEAF = 'carrel-self'

/** What one controller needs to work in groups below a directory. */
export type Reach = { readonly enable: readonly string[]; readonly vacate?: VacateFacts } | { readonly refused: Answer }

/** A directory, last of a chain that begins at the mount, and which of the chain may be changed. */
export interface ReachPlace {
  readonly chain: readonly string[]
  /** Directory that this process may move its own processes out of: its own group */
  readonly home: string
  /** Topmost directory whose files this process may write, where systemd owns those above */
  readonly top?: string
}

export function readReach(context: CgroupContext, place: ReachPlace, name: Controller): Reach {
  const { source } = context
  const directory = place.chain.at(-1) ?? ''
  if (lists(context, directory, 'cgroup.subtree_control', name)) return { enable: [] }
  const above = lists(context, directory, 'cgroup.controllers', name) ? { enable: [] } : readAbove(context, place, name)
  if ('refused' in above) return above
  const errno = source.write(`${directory}/cgroup.subtree_control`)
  if (errno !== 'ok') {
    return { refused: writeAnswer(`${directory}/cgroup.subtree_control`, errno, controllerRemedy(context.uid === 0)) }
  }
  const emptied = readEmptied(context, directory, place.home, name)
  if ('refused' in emptied) return emptied
  return { enable: [...above.enable, directory], ...emptied }
}

function readAbove(context: CgroupContext, place: ReachPlace, name: Controller): Reach {
  const { chain, top } = place
  const directory = chain.at(-1) ?? ''
  if (chain.length > 1 && directory !== top) return readReach(context, { ...place, chain: chain.slice(0, -1) }, name)
  const remedy = `enable it from outside: echo +${name} > cgroup.subtree_control of the parent group, or Delegate=${name} in the systemd unit`
  return { refused: no(`${name} is not delegated to ${directory}`, remedy) }
}

/** cgroups(7): a group that is not the root of the tree either holds processes or gives controllers to its children. */
function readEmptied(
  { source }: CgroupContext,
  directory: string,
  home: string,
  name: Controller,
): { readonly vacate?: VacateFacts } | { readonly refused: Answer } {
  if (!isInnerGroup(source, directory)) return {}
  const inside = readGroupProcesses(source, directory)
  if (inside.kind === 'none') return {}
  if (inside.kind === 'own' && directory === home) {
    return { vacate: { directory, leaf: `${directory}/${LEAF}`, pids: inside.pids } }
  }
  const who = inside.kind === 'foreign' ? `${inside.examples}` : inside.pids.join(', ')
  const remedy = `start carrel in a group of its own (systemd-run --scope -p Delegate=yes carrel …), or move its processes: mkdir ${directory}/init; for p in $(cat ${directory}/cgroup.procs); do echo $p > ${directory}/init/cgroup.procs; done`
  return {
    refused: no(`${directory} holds processes itself (${who}), so it cannot give ${name} to groups below it`, remedy),
  }
}

export const delegationRemedy = (root: boolean): string =>
  root
    ? 'give this container a writable cgroup tree of its own (podman and docker: --cgroupns=private with a writable /sys/fs/cgroup)'
    : 'start it in a group delegated to this user: systemd-run --user --scope -p Delegate=yes carrel …, or run as root'

/** What systemd gives to users by default is less than what it can give: cpuset and io are left out, cpu too before 252. */
const controllerRemedy = (root: boolean): string =>
  root
    ? delegationRemedy(root)
    : 'let systemd delegate it: `systemctl edit user@.service`, [Service] Delegate=cpu cpuset io memory pids, then log in again'

/** Whether a file that lists controllers has this one. */
export const lists = ({ source }: CgroupContext, directory: string, file: string, name: string): boolean =>
  source.text(`${directory}/${file}`)?.trim().split(' ').includes(name) ?? false
