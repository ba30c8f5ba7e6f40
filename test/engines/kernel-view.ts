import assert from 'node:assert/strict'
import { readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { decodeMountinfo, type MountEntry } from '../../src/linux/mountinfo.ts'
import { hierarchyOf } from '../support/hierarchies.ts'
import type { Room } from './room.ts'

/** What the kernel says about a process of a room, read from the host. */
export class KernelView {
  readonly #room: Room
  readonly pid: number

  constructor(room: Room, pid: number | string) {
    this.#room = room
    this.pid = Number(pid)
    assert.ok(this.pid > 0, `${pid} is no pid`)
  }

  /** A file of its folder in /proc. */
  read(name: string): string {
    return readFileSync(this.#room.proc(this.pid, name), 'utf8')
  }

  /** Whether it is there and no zombie. */
  get isAlive(): boolean {
    try {
      return !/^State:\s+[ZX]/m.test(this.read('status'))
    } catch {
      return false
    }
  }

  /** A field of /proc/PID/status, its blanks made single. */
  status(field: string): string {
    const value = new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(this.read('status'))?.[1]
    return value?.replaceAll(/\s+/g, ' ').trim() ?? ''
  }

  /** Capability numbers of one of its sets, `CapEff` … */
  capabilities(set: string): ReadonlySet<number> {
    const bits = BigInt(`0x${this.status(set)}`)
    return new Set([...Array(64).keys()].filter((bit) => (bits >> BigInt(bit)) & 1n))
  }

  get commandLine(): readonly string[] {
    return this.read('cmdline').split('\0').slice(0, -1)
  }

  /** `mnt:[4026531841]` */
  namespace(name: string): string {
    return readlinkSync(this.#room.proc(this.pid, 'ns', name))
  }

  /** Its mount at this place, the topmost one. */
  mount(at: string): MountEntry {
    const found = decodeMountinfo(this.read('mountinfo')).findLast(({ mountPoint }) => mountPoint === at)
    assert.ok(found, `process ${this.pid} has no mount at ${at}`)
    return found
  }

  /** Path of its root with something in it, as the host can open it. */
  file(path: string): string {
    return this.#room.proc(this.pid, 'root', path)
  }

  /** Its group of this v1 controller, or of the v2 tree (also as ''), as a folder of the host. */
  group(controller: string): string {
    const rows = this.read('cgroup').split('\n')
    const own = rows.find((row) => controller !== '' && row.split(':')[1]?.split(',').includes(controller))
    const row = own ?? rows.find((each) => each.startsWith('0::'))
    const hierarchy = hierarchyOf(own === undefined ? 'v2' : controller)
    assert.ok(row !== undefined && hierarchy !== undefined, `process ${this.pid} is in no group of ${controller}`)
    return join(hierarchy, row.slice(row.indexOf(':', row.indexOf(':') + 1) + 1))
  }

  /** All processes of its group of this controller. */
  members(controller: string): readonly KernelView[] {
    // The file names them as the host knows them; the second pid is the room's.
    const pids = readFileSync(join(this.group(controller), 'cgroup.procs'), 'utf8')
      .trim()
      .split('\n')
    return pids.flatMap((pid) => {
      const inRoom = /^NSpid:\s*\d+\s+(\d+)/m.exec(readIfThere(`/proc/${pid}/status`))?.[1]
      return inRoom === undefined ? [] : [new KernelView(this.#room, inRoom)]
    })
  }

  /** Memory limit in bytes. */
  get memoryLimit(): number {
    return Number(this.#setting('memory', 'memory.limit_in_bytes', 'memory.max'))
  }

  get pidsLimit(): number {
    return Number(this.#setting('pids', 'pids.max', 'pids.max'))
  }

  /** Microseconds of processor time in each period of 100 ms. */
  get cpuQuota(): number {
    return Number(this.#setting('cpu', 'cpu.cfs_quota_us', 'cpu.max').split(' ')[0])
  }

  /** Whether its group is frozen, completely: by the v1 controller, or by the v2 tree, which needs no controller for it. */
  get isFrozen(): boolean {
    const state = hierarchyOf('freezer') === undefined ? '' : this.#file('freezer', 'freezer.state')
    const events = hierarchyOf('v2') === undefined ? '' : this.#file('', 'cgroup.events')
    return /^FROZEN$/m.test(state) || /^frozen 1$/m.test(events)
  }

  #file(controller: string, name: string): string {
    return readIfThere(join(this.group(controller), name))
  }

  #setting(controller: string, v1: string, v2: string): string {
    const name = hierarchyOf(controller) === undefined ? v2 : v1
    return readFileSync(join(this.group(controller), name), 'utf8').trim()
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
