import type { HostSource } from './source.ts'

/** Who is in a group, as far as it matters for emptying it. */
export type GroupProcesses =
  | { readonly kind: 'none' }
  /** This process and descendants of it alone */
  | { readonly kind: 'own'; readonly pids: readonly number[] }
  /** Others too, with a few of them for a message: `17 (bash), 23 (sshd)` */
  | { readonly kind: 'foreign'; readonly examples: string }

/** A group with more processes than this is taken for a foreign one: looking at each would make every start slow. */
const MOST = 256
/** How many foreign processes a message names */
const NAMED = 3

/** Reads cgroup.procs, and from /proc whose descendants they are. */
export function readGroupProcesses(source: HostSource, directory: string): GroupProcesses {
  const pids = (source.text(`${directory}/cgroup.procs`) ?? '').split('\n').filter(Boolean).map(Number)
  if (pids.length === 0) return { kind: 'none' }
  const self = readParent(source, 'self')?.pid
  const isOwn = ownership(source, [self, source.owner])
  // Pid 0 stands for a process of a pid namespace above; and where /proc is another namespace's, this process is not in the list.
  const foreign = pids.length > MOST ? pids : pids.filter((pid) => !isOwn(pid))
  if (foreign.length === 0 && self !== undefined && pids.includes(self)) return { kind: 'own', pids }
  const named = foreign.slice(0, NAMED).map((pid) => `${pid}${nameOf(source, pid)}`)
  return { kind: 'foreign', examples: [...named, ...(foreign.length > NAMED ? ['…'] : [])].join(', ') }
}

interface Parent {
  readonly pid: number
  readonly parent: number
  readonly name: string
}

/** proc_pid_stat(5): pid (name) state ppid; the name may hold anything, so the last parenthesis ends it. */
function readParent(source: HostSource, pid: number | 'self'): Parent | undefined {
  const text = source.text(`/proc/${pid}/stat`)
  if (text === undefined) return undefined
  const end = text.lastIndexOf(')')
  return {
    pid: parseInt(text, 10),
    parent: Number(text.slice(end + 2).split(' ')[1]),
    name: text.slice(text.indexOf('(') + 1, end),
  }
}

function ownership(source: HostSource, roots: readonly (number | undefined)[]): (pid: number) => boolean {
  const known = new Map<number, boolean>(roots.flatMap((pid) => (pid === undefined ? [] : [[pid, true] as const])))
  const isOwn = (pid: number): boolean => {
    const found = known.get(pid)
    if (found !== undefined) return found
    // While it is looked at, a process counts as foreign: pids that are reused meanwhile could form a ring.
    known.set(pid, false)
    const parent = pid > 1 ? readParent(source, pid)?.parent : undefined
    const own = parent !== undefined && isOwn(parent)
    known.set(pid, own)
    return own
  }
  return isOwn
}

function nameOf(source: HostSource, pid: number): string {
  const name = pid > 0 ? readParent(source, pid)?.name : undefined
  return name === undefined ? '' : ` (${name})`
}
