import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { lifeOf, type OwnerLife } from '../cgroup/owner.ts'
import { parseStatistics } from '../features/cgroups/readings/parse-statistics.ts'
import { statisticsFiles } from '../features/cgroups/readings/statistics-files.ts'
import type { StoredRecord } from './records.ts'

/**
 * `starting`: its first process is not there yet; `paused`: all of it stands still; `dead`: its owner or its first process is gone,
 * and what is left is removed by `carrel gc` or this moment; `unknown`: its owner is in another pid namespace, and no group tells.
 */
export type SandboxStatus = 'starting' | 'running' | 'paused' | 'dead' | 'unknown'

/** A process in a sandbox. */
export interface SandboxProcess {
  /** On this host */
  readonly pid: number
  readonly parent: number
  /** Empty for one that has just ended */
  readonly words: readonly string[]
}

/** A sandbox as anybody with its record can see it. */
export interface LiveSandbox extends StoredRecord {
  readonly owner: OwnerLife
  readonly status: SandboxStatus
  /** What runs in it, without its first process and without agents that wait for a command */
  readonly commands: readonly SandboxProcess[]
}

/**
 * Looks at sandboxes from outside: owners, groups, processes. What vanishes meanwhile makes a sandbox `dead`, and nothing fails; one
 * whose record is gone too has just been closed, and is left out.
 */
export function observeSandboxes(records: readonly StoredRecord[]): readonly LiveSandbox[] {
  return records.map(observe).filter(({ status, file }) => status !== 'dead' || existsSync(file))
}

function observe(stored: StoredRecord): LiveSandbox {
  const owner = lifeOf(stored.record.owner)
  const processes = processesOf(stored)
  const commands = processes.filter(({ pid, words }) => pid !== stored.pid && !isAgent(words))
  return { ...stored, owner, status: statusOf(stored, owner, processes), commands }
}

function statusOf(
  { record, pid }: StoredRecord,
  owner: OwnerLife,
  processes: readonly SandboxProcess[],
): SandboxStatus {
  if (owner === 'dead') return 'dead'
  if (owner === 'unknown' && processes.length === 0) return 'unknown'
  if (owner === 'alive' && !processes.some((each) => each.pid === pid)) {
    // It is written down before it is put into its groups.
    return pid === undefined || isFirst(pid) ? 'starting' : 'dead'
  }
  return freezerOf(record.places) === 'frozen' ? 'paused' : 'running'
}

/** Its groups say who is in it; without groups its first process and those below it, as long as that is the first of a pid namespace. */
function processesOf({ record, pid }: StoredRecord): readonly SandboxProcess[] {
  const [place] = record.places.toSorted((a, b) => b.version - a.version)
  const pids = place
    ? (textOf(`${place.directory}/cgroup.procs`) ?? '').split('\n').map(Number)
    : pid !== undefined && isFirst(pid)
      ? [pid, ...descendants(pid)]
      : []
  return pids.flatMap((each) => {
    // 0 is a process of a pid namespace that is not seen from here (cgroup-v2.rst, "cgroup.procs").
    const parent = each > 0 ? parentOf(each) : undefined
    return parent === undefined ? [] : [{ pid: each, parent, words: wordsOf(each) }]
  })
}

/** The number may have been given to another process by now: the first one of a pid namespace is 1 in there. */
const isFirst = (pid: number): boolean => /^NSpid:\t.*\t1$/m.test(textOf(`/proc/${pid}/status`) ?? '')

function descendants(pid: number): readonly number[] {
  const children = threadsOf(pid).flatMap((thread) =>
    (textOf(`/proc/${pid}/task/${thread}/children`) ?? '').split(' ').filter(Boolean).map(Number),
  )
  return [...children, ...children.flatMap(descendants)]
}

/** Each thread has children of its own. */
function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

function parentOf(pid: number): number | undefined {
  const parent = /^PPid:\t(\d+)$/m.exec(textOf(`/proc/${pid}/status`) ?? '')?.[1]
  return parent === undefined ? undefined : Number(parent)
}

const wordsOf = (pid: number): readonly string[] =>
  (textOf(`/proc/${pid}/cmdline`) ?? '')
    .replace(/\0+$/, '')
    .split('\0')
    .filter((word, i) => word !== '' || i > 0)

/** One that waits for a command, or is about to become one. */
const isAgent = ([name = '']: readonly string[]): boolean => /^carrel-agent\b/.test(name)

function freezerOf(places: StoredRecord['record']['places']): string | undefined {
  const files = statisticsFiles(places, ['freezer'])
  const texts = files.flatMap(({ path }) => {
    const text = textOf(path)
    return text === undefined ? [] : [[path, text] as const]
  })
  return parseStatistics(new Map(texts), files).freezer
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
