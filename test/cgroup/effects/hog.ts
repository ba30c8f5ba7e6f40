import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { Cgroup } from '../../../src/cgroup/index.ts'

/** How a hog ended, and what it said. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Far more than any needs: a hog whose test was killed must not go on for ever. */
const CPU_SECONDS = 60

/** A shell script that runs in a group from its first line on. */
export class Hog implements AsyncDisposable {
  readonly pid: number
  readonly ended: Promise<Ended>
  readonly #group: Cgroup
  readonly #child: ChildProcess

  private constructor(
    group: Cgroup,
    child: ChildProcess & { readonly stdout: Readable; readonly stderr: Readable },
    pid: number,
  ) {
    this.#group = group
    this.#child = child
    this.pid = pid
    const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
    this.ended = Promise.all([exited, text(child.stdout), text(child.stderr)]).then(
      ([[code, signal], stdout, stderr]) => ({ code, signal, stdout, stderr }),
    )
  }

  /** The shell waits for a line until it is in the group; a script of one command becomes it by `exec`. */
  static async start(group: Cgroup, script: string): Promise<Hog> {
    const child = spawn('sh', ['-c', `ulimit -t ${CPU_SECONDS}; read -r line && exec sh -c "$1"`, 'sh', script])
    assert(child.pid !== undefined)
    const hog = new Hog(group, child, child.pid)
    try {
      await group.add(child.pid)
    } catch (error) {
      await hog[Symbol.asyncDispose]()
      throw error
    }
    child.stdin.end('go\n')
    return hog
  }

  /** CPU time that it has had, children not counted, `s` */
  cpuSeconds(): number {
    return cpuSecondsOf(this.pid)
  }

  /** What it has started holds its streams: all of the group ends with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const isOver = this.#child.exitCode !== null || this.#child.signalCode !== null
    if (!isOver) await this.#group.kill()
    this.#child.kill('SIGKILL')
    await this.ended
  }
}

/** Runs a script in a group to its end. */
export async function runIn(group: Cgroup, script: string): Promise<Ended> {
  await using hog = await Hog.start(group, script)
  return await hog.ended
}

/** A process that uses all of the CPU that it gets. */
export const SPIN = 'exec sh -c "while :; do :; done"'

/** Clock ticks of /proc, in which every architecture of Linux shows times: USER_HZ. */
const TICKS_A_SECOND = 100

/** utime and stime of proc_pid_stat(5). */
function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND
}
