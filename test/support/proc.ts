import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** A process as proc(5) shows it; the start time tells it from a later one with the same pid. */
export interface Seen {
  readonly pid: number
  readonly parent: number
  readonly name: string
  /** One letter: R, S, D, T, Z … */
  readonly state: string
  readonly started: string
}

/** Reads a file of /proc, undefined when the process is gone. */
function peek(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** The process with this pid, undefined when there is none. */
export function seen(pid: number): Seen | undefined {
  const stat = peek(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  // A name may hold spaces and parentheses; the last one ends it.
  const end = stat.lastIndexOf(')')
  const fields = stat.slice(end + 2).split(' ')
  return {
    pid,
    parent: Number(fields[1]),
    name: stat.slice(stat.indexOf('(') + 1, end),
    state: fields[0] ?? '?',
    started: fields[19] ?? '',
  }
}

/** Whether a process runs, sleeps or is stopped: neither gone nor a zombie. */
export const isAlive = (pid: number): boolean => ![undefined, 'Z', 'X'].includes(seen(pid)?.state)

export function allProcesses(): readonly Seen[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.flatMap((pid) => seen(Number(pid)) ?? [])
}

/** Every process below this one, of whatever namespace. */
export function descendants(root: number): readonly Seen[] {
  const all = allProcesses()
  const below = new Set([root])
  for (let size = 0; size !== below.size;) {
    size = below.size
    for (const each of all) if (below.has(each.parent)) below.add(each.pid)
  }
  below.delete(root)
  return all.filter((each) => below.has(each.pid))
}

/** Which of these processes are still there. */
export function survivors(processes: readonly Seen[]): readonly Seen[] {
  return processes.flatMap((each) => {
    const now = seen(each.pid)
    return now && now.started === each.started ? [now] : []
  })
}

/** Processes whose command line holds this text. */
export function withCommandLine(text: string): readonly Seen[] {
  return allProcesses().filter((each) => peek(`/proc/${each.pid}/cmdline`)?.includes(text))
}

/** A field of /proc/PID/status, trimmed. */
export function statusField(pid: number | 'self', field: string): string {
  const line = (peek(`/proc/${pid}/status`) ?? '').split('\n').find((each) => each.startsWith(`${field}:`))
  return line?.slice(field.length + 1).trim() ?? ''
}

/** Descriptors of a process, by number: what each stands for. */
export function descriptorsOf(pid: number | 'self'): ReadonlyMap<number, string> {
  const folder = `/proc/${pid}/fd`
  const entries = readdirSync(folder).flatMap((name): [number, string][] => {
    try {
      return [[Number(name), readlinkSync(`${folder}/${name}`)]]
    } catch {
      return []
    }
  })
  return new Map(entries)
}

/** `mnt:[4026531841]`: names a namespace for as long as it exists. */
export const namespaceOf = (pid: number | 'self', name: string): string => readlinkSync(`/proc/${pid}/ns/${name}`)
