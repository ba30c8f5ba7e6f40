import { no, yes } from './answer.ts'
import { isInnerGroup } from './cgroup-context.ts'
import type { Answer } from './facts.ts'
import type { HostSource } from './source.ts'

/** Why no group with processes and limits of its own can be below one of this cgroup.type, cgroup-v2.rst "Threads". */
const TYPES: Readonly<Record<string, string>> = {
  threaded: 'is a threaded group, which holds threads and cannot give memory, pids or io',
  'domain threaded': 'has threaded groups below it, so a new group in it would hold no processes',
  'domain invalid': 'stands inside a threaded subtree and can hold no processes',
}

/** Whether the kernel would let a group of processes be made below the last directory of the chain, which begins at the mount. */
export function readGroupRules(source: HostSource, chain: readonly string[]): Answer {
  const directory = chain.at(-1) ?? ''
  const why = isInnerGroup(source, directory)
    ? TYPES[source.text(`${directory}/cgroup.type`)?.trim() ?? 'domain']
    : undefined
  if (why !== undefined) return no(`${directory} ${why}`, 'start carrel in a group whose cgroup.type is "domain"')
  return chain.map((above, index) => readRoom(source, above, chain.length - index)).find(({ ok }) => !ok) ?? yes
}

/** cgroup.max.depth and cgroup.max.descendants bind all groups below; past them mkdir(2) gives EAGAIN. */
function readRoom(source: HostSource, directory: string, depth: number): Answer {
  const limit = (name: string): number => {
    const text = source.text(`${directory}/cgroup.max.${name}`)?.trim()
    return text === undefined || text === 'max' ? Infinity : Number(text)
  }
  if (limit('depth') < depth) return full(directory, 'depth', limit('depth'))
  const most = limit('descendants')
  if (most === Infinity) return yes
  const now = /^nr_descendants (\d+)$/m.exec(source.text(`${directory}/cgroup.stat`) ?? '')?.[1]
  return Number(now ?? 0) < most ? yes : full(directory, 'descendants', most)
}

const full = (directory: string, name: string, limit: number): Answer =>
  no(
    `${directory}/cgroup.max.${name} is ${limit}, and a group more would be past it`,
    `echo max > ${directory}/cgroup.max.${name}, or remove groups that nobody needs below it`,
  )
