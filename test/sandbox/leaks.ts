import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a process tree has on this host: everything that must be as before once its sandboxes are closed. */
export interface Holdings {
  /** Descendants of the process, `pid command` */
  readonly processes: readonly string[]
  /** Directories of the sandboxes' groups */
  readonly groups: readonly string[]
  readonly mounts: readonly string[]
  /** Descriptors of the process and of its descendants, `count` */
  readonly descriptors: number
}

/** Reads what the process `pid` and the processes below it hold. */
export function holdings(pid = process.pid): Holdings {
  const below = descendants(pid)
  return {
    processes: below.map((each) => `${each} ${commandOf(each)}`).filter((text) => !/ (esbuild|sh|strace)$/.test(text)),
    groups: groupsOf(pid),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n'),
    descriptors: [pid, ...below].reduce((sum, each) => sum + descriptorsOf(each), 0),
  }
}

/** Waits until the holdings are those of before, at most `withinMs`; fails with what is left. */
export async function assertNothingLeft(before: Holdings, pid = process.pid, withinMs = 500): Promise<void> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const now = holdings(pid)
    const isClean = JSON.stringify(now) === JSON.stringify(before)
    if (isClean) return
    if (performance.now() > deadline) return assert.deepEqual(now, before)
    await sleep(5)
  }
}

/** Directories of groups that belong to sandboxes of the process `pid`: their names begin with `carrel-PID-`. */
export function groupsOf(pid: number): readonly string[] {
  const found: string[] = []
  const visit = (directory: string, depth: number): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue
      const path = `${directory}/${entry.name}`
      if (entry.name.startsWith(`carrel-${pid}-`)) found.push(path)
      else if (depth > 0) visit(path, depth - 1)
    }
  }
  visit('/sys/fs/cgroup', 4)
  return found
}

/** PIDs of all processes below `pid`, from the parents that every process names. */
export function descendants(pid: number): readonly number[] {
  const parents = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((name) => [Number(name), parentOf(Number(name))] as const)
  const found: number[] = []
  const visit = (parent: number): void => {
    for (const [child, of] of parents) {
      if (of !== parent) continue
      found.push(child)
      visit(child)
    }
  }
  visit(pid)
  return found
}

function parentOf(pid: number): number {
  return Number(/^PPid:\t(\d+)$/m.exec(readOr(`/proc/${pid}/status`))?.[1] ?? -1)
}

const commandOf = (pid: number): string => readOr(`/proc/${pid}/comm`).trim()

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function descriptorsOf(pid: number): number {
  try {
    // The descriptor by which the folder itself is read counts too, each time.
    return readdirSync(`/proc/${pid}/fd`).filter((fd) => !isPassing(pid, fd)).length
  } catch {
    return 0
  }
}

/** Node opens and closes these as it pleases: they are no one's leak. */
function isPassing(pid: number, fd: string): boolean {
  try {
    return /^\/proc\/\d+\/fd$/.test(readlinkSync(`/proc/${pid}/fd/${fd}`))
  } catch {
    return true
  }
}
