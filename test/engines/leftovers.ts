import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach } from 'node:test'
import { decodeMountinfo } from '../../src/linux/mountinfo.ts'
import { cgroupsOf } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { foldersBelow, type Room } from './room.ts'

/** What engines and runtime have in a room while no container is there. */
export interface Contents {
  readonly processes: readonly string[]
  readonly mounts: readonly string[]
  readonly groups: readonly string[]
  readonly networks: readonly string[]
  readonly rules: readonly string[]
  /** State folders of the runtime */
  readonly states: readonly string[]
}

/** How long an engine may take to clean up behind a container, in milliseconds. */
const SETTLES_MS = 10_000

/** A room and what it holds without containers; `clear` removes all containers. */
export interface Place {
  readonly room: Room
  readonly baseline: Contents
  readonly clear: () => Promise<void>
}

/** After each test the room must hold what `baseline` saw, and nothing more. What a test has left the next one does not find. */
export function checkRoom(place: () => Place | undefined): void {
  // After a test that failed, node:test calls no afterEach.
  let isClean = true
  beforeEach(async () => {
    if (!isClean) await place()?.clear()
    isClean = false
  })
  afterEach(async () => {
    const known = place()
    if (known === undefined) return
    const { room, baseline } = known
    let left: readonly string[] = []
    const isSettled = async (): Promise<boolean> => {
      left = surplus(baseline, await look(room))
      return left.length === 0
    }
    try {
      await eventually(isSettled, () => `it leaves ${left.join(', ')}`, SETTLES_MS)
    } catch (error) {
      assert.fail(error as Error)
    }
    isClean = true
  })
}

export async function look(room: Room): Promise<Contents> {
  const mounts = decodeMountinfo(readFileSync(room.proc(1, 'mountinfo'), 'utf8'))
  const { stdout } = await room.run(['iptables-save'])
  return {
    processes: readdirSync(room.inside('/proc')).flatMap((name) => processName(room, name) ?? []),
    // podman keeps the home of its storage mounted on itself, or not, whatever containers there are.
    mounts: mounts
      .filter(({ mountPoint }) => !mountPoint.endsWith('/storage/overlay'))
      .map(({ mountPoint, type }) => `mount ${mountPoint} (${type})`),
    groups: cgroupsOf(room.group)
      .flatMap((group) => foldersBelow(group).map((folder) => `cgroup ${folder}`))
      // BuildKit keeps the parent of the groups of its runs.
      .filter((name) => !name.endsWith('/docker/buildkit')),
    networks: [...foldersOf(room, '/sys/class/net'), ...foldersOf(room, '/run/netns')],
    // Counters of packets go on.
    rules: stdout.split('\n').flatMap((line) => (line.startsWith('-A') ? [`rule ${line}`] : [])),
    states: STATES.flatMap((folder) => foldersOf(room, folder)),
  }
}

/** Where engines let runtimes keep their states, each of them a folder. */
const STATES = [
  '/run/carrel-oci',
  '/run/runc',
  '/run/crun',
  '/run/containerd/runc/default',
  '/run/docker/runtime-runc/moby',
  '/run/user/12345/carrel-oci',
  '/run/user/12345/runc',
  '/run/user/12345/crun',
]

const foldersOf = (room: Room, folder: string): readonly string[] => {
  try {
    return readdirSync(room.inside(folder)).map((name) => `${folder}/${name}`)
  } catch {
    return []
  }
}

function processName(room: Room, pid: string): string | undefined {
  if (!/^\d+$/.test(pid)) return undefined
  try {
    return `process ${readFileSync(room.proc(pid, 'comm'), 'utf8').trim()}`
  } catch {
    return undefined
  }
}

function surplus(before: Contents, after: Contents): readonly string[] {
  return (Object.keys(before) as (keyof Contents)[]).flatMap((key) => {
    const known = [...before[key]]
    return after[key].filter((item) => {
      const at = known.indexOf(item)
      if (at >= 0) known.splice(at, 1)
      return at < 0
    })
  })
}
