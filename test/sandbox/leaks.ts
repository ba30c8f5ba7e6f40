import assert from 'node:assert/strict'
import { type Dirent, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { listRecords } from '../../src/container/records.ts'
import { parseGroupName } from '../../src/features/cgroups/owner.ts'

/** What a process tree has on this host: everything that must be as before once its sandboxes are closed. */
export interface Holdings {
  /** Descendants of the process, `pid command` */
  readonly processes: readonly string[]
  /** Directories of the sandboxes' groups */
  readonly groups: readonly string[]
  /** Files that tell others of the sandboxes */
  readonly records: readonly string[]
  readonly mounts: readonly string[]
  /** Descriptors of the process and of its descendants, without what only numbers them */
  readonly descriptors: readonly string[]
}

/** Reads what the process `pid` and the processes below it hold. */
export function holdings(pid = process.pid): Holdings {
  const below = descendants(pid)
  return {
    processes: below.map((each) => `${each} ${commandOf(each)}`).filter((text) => !/ (esbuild|sh|strace)$/.test(text)),
    groups: groupsOf(pid),
    records: recordsOf(pid),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n'),
    descriptors: [pid, ...below].flatMap(descriptorsOf).sort(),
  }
}

/** What the process holds once what it makes in the background (the next sandbox's network) has come to rest. */
export async function settled(): Promise<Holdings> {
  for (let before = holdings(); ;) {
    await sleep(100)
    const now = holdings()
    if (compare(before, now).length === 0) return now
    before = now
  }
}

/** Waits until the holdings are those of before, at most `withinMs`; fails with what is left, and what is gone. */
export async function assertNothingLeft(before: Holdings, pid = process.pid, withinMs = 5000): Promise<void> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const changes = compare(before, holdings(pid))
    if (changes.length === 0) return
    if (performance.now() > deadline) return assert.fail(`Not as before:\n${changes.join('\n')}`)
    await sleep(5)
  }
}

function compare(before: Holdings, now: Holdings): readonly string[] {
  return (Object.keys(before) as (keyof Holdings)[]).flatMap((kind) => [
    ...without(now[kind], before[kind]).map((each) => `${kind}: left ${each}`),
    ...without(before[kind], now[kind]).map((each) => `${kind}: gone ${each}`),
  ])
}

/** The items of one list that another one does not have as often. */
function without(items: readonly string[], others: readonly string[]): readonly string[] {
  const rest = [...others]
  return items.filter((item) => {
    const at = rest.indexOf(item)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
}

/** Directories of groups that belong to sandboxes of the process `pid`: their names tell the owner. */
export function groupsOf(pid: number): readonly string[] {
  const found: string[] = []
  const visit = (directory: string, depth: number): void => {
    for (const entry of entriesOf(directory)) {
      if (!entry.isDirectory()) continue
      const path = `${directory}/${entry.name}`
      if (parseGroupName(entry.name)?.owner.pid === pid) found.push(path)
      else if (depth > 0) visit(path, depth - 1)
    }
  }
  visit('/sys/fs/cgroup', 4)
  return found
}

/** Groups of others come and go while they are listed. */
function entriesOf(directory: string): readonly Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Records of sandboxes of the process `pid`. */
export const recordsOf = (pid: number): readonly string[] =>
  listRecords()
    .records.filter(({ record }) => record.owner.pid === pid)
    .map(({ file }) => file)

/** PIDs of all processes below `pid`, from the parents that every process names. */
export function descendants(pid: number): readonly number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(Number(name))] as const)
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

function descriptorsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => descriptorOf(pid, fd))
  } catch {
    return []
  }
}

/** The descriptor by which the folder itself is read is gone when it is looked at, or a link to the folder. */
function descriptorOf(pid: number, fd: string): readonly string[] {
  try {
    const target = readlinkSync(`/proc/${pid}/fd/${fd}`)
    return /^\/proc\/\d+\/fd$/.test(target) ? [] : [`${pid} ${target.replace(/\[\d+\]/, '')}`]
  } catch {
    return []
  }
}
