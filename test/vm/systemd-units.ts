import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import type { GroupPlace } from '../../src/features/cgroups/group-place.ts'
import { eventually } from '../support/eventually.ts'

/** Whether the tests are those of an ordinary user, who has a manager of his own. */
export const ORDINARY = process.getuid?.() !== 0

const MANAGER = ORDINARY ? ['--user'] : []

let names = 0

/** A name that no other unit has. */
export const unitName = (word: string): string => `carreltest-${process.pid}-${++names}-${word}.scope`

/** A program that waits for a line before it does anything: so it can be moved first. */
export interface Waiting {
  readonly child: ChildProcess
  readonly pid: number
  /** Lets it run its script; what it printed, and its exit code or signal */
  readonly run: () => Promise<{ readonly code: number | string; readonly text: string }>
  readonly kill: () => Promise<void>
}

export function waiting(script = ':'): Waiting {
  const child = spawn('/bin/sh', ['-c', `read go; ${script}`], { stdio: ['pipe', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const closed = once(child, 'close')
  const end = async () => {
    const [code, signal] = (await closed) as [number | null, string | null]
    return { code: code ?? signal ?? '', text }
  }
  return {
    child,
    pid: child.pid as number,
    async run() {
      child.stdin.write('\n')
      return await end()
    },
    async kill() {
      child.kill('SIGKILL')
      await end()
    },
  }
}

/** A property as systemctl(1) shows it. */
export const shown = (unit: string, property: string): string =>
  execFileSync('systemctl', [...MANAGER, 'show', '--value', '-p', property, unit], { encoding: 'utf8' }).trim()

/** Path of a process in the v2 tree. */
export const groupOf = (pid: number): string =>
  readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .split('\n')
    .find((line) => line.startsWith('0::'))
    ?.slice(3) ?? ''

/** A file of a scope's group. */
export const fileOf = (places: readonly GroupPlace[], file: string): string => {
  const place = places.find(({ directory }) => existsSync(`${directory}/${file}`))
  return place ? readFileSync(`${place.directory}/${file}`, 'utf8').trim() : `no ${file}`
}

/** Resolves when systemd has taken the unit and its groups away. */
export async function gone(unit: string, places: readonly GroupPlace[]): Promise<void> {
  await eventually(
    () => shown(unit, 'LoadState') === 'not-found' && places.every(({ directory }) => !existsSync(directory)),
    () => `${unit} is ${shown(unit, 'ActiveState')} (${shown(unit, 'LoadState')})`,
    20_000,
  )
}
