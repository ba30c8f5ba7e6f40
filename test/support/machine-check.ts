import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'node:test'
import { descendants, descriptorsOf } from './proc.ts'
import { eventually } from './eventually.ts'

/** What a test must leave as it found it. */
interface Machine {
  readonly processes: readonly string[]
  readonly descriptors: readonly string[]
  readonly mounts: readonly string[]
  readonly cgroups: readonly string[]
}

/** How long what a test has ended may take to be gone, in milliseconds. */
const SETTLES_MS = 10_000

/** Name of a cgroup that a test of this process makes; others' tests may run at the same time. */
export const cgroupName = (name: string): string => `carrel-test-${process.pid}-${name}`

/** Fails each test of the file that leaves a process, a descriptor, a mount or one of its cgroups behind. */
export function checkMachine(): void {
  let before: Machine
  beforeEach(() => {
    before = look()
  })
  afterEach(async () => {
    const left = () => surplus(before, look())
    try {
      await eventually(
        () => left().length === 0,
        () => `it leaves ${left().join(', ')}`,
        SETTLES_MS,
      )
    } catch (error) {
      assert.fail(error as Error)
    }
  })
}

function look(): Machine {
  return {
    // tsx keeps a compiler process; it is there before the first test.
    processes: descendants(process.pid).map((each) => `process ${each.pid} (${each.name})`),
    descriptors: [...descriptorsOf('self').values()]
      .filter((name) => !RESIDENT.test(name))
      .map((name) => `descriptor ${kindOf(name)}`),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => `mount ${line}`),
    cgroups: cgroupsOf(`carrel-test-${process.pid}-`),
  }
}

/** What the listing itself opens, and the image of the agent, which stays with the first agent of a process. */
const RESIDENT = /^(\/proc\/|\/memfd:carrel-agent)/

/** Pipes and sockets are counted, their numbers change. */
const kindOf = (name: string): string => name.replace(/:\[\d+\]$/, '')

function surplus(before: Machine, after: Machine): readonly string[] {
  return (Object.keys(before) as (keyof Machine)[]).flatMap((key) => {
    const known = [...before[key]]
    return after[key].filter((item) => {
      const at = known.indexOf(item)
      if (at >= 0) known.splice(at, 1)
      return at < 0
    })
  })
}

/** Folders of cgroups with this prefix, of every hierarchy, at most three levels deep. */
export function cgroupsOf(prefix: string, folder = '/sys/fs/cgroup', depth = 3): readonly string[] {
  return foldersIn(folder).flatMap((name) => {
    const path = join(folder, name)
    if (name.startsWith(prefix)) return [path]
    return depth > 1 ? cgroupsOf(prefix, path, depth - 1) : []
  })
}

function foldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
  } catch {
    // Somebody else's cgroup, which has just been removed, or none at all.
    return []
  }
}
