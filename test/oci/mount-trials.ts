import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enterRoot, type EnterOptions, type Entered } from '../support/entered-root.ts'

export const PROC = { destination: '/proc', type: 'proc', source: 'proc' }
export const DEV = { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['mode=755'] }
export const SYS = { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] }

export type MountJson = Readonly<Record<string, unknown>>
export const linux = (more: object = {}): object => ({ maskedPaths: [], readonlyPaths: [], ...more })
export const withMounts = (
  mounts: readonly MountJson[],
  look: (entered: Entered) => void,
  options: EnterOptions = {},
): Promise<void> => enterRoot({ mounts: [PROC, DEV, ...mounts], linux: linux() }, options, look)

/** A directory of the host, gone afterwards. */
export async function withHost(work: (path: string) => Promise<void>): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'carrel-host-'))
  try {
    await work(path)
  } finally {
    const points = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
    for (const point of points.filter((each) => each === path || each.startsWith(`${path}/`)).reverse()) {
      execFileSync('umount', [point])
    }
    rmSync(path, { recursive: true })
  }
}

/** Options of the mount at a path, `rw,nosuid`, and all the rest of its line. */
export function lineOf(entered: Entered, path: string): string {
  const lines = entered.mounts().filter((line) => line.startsWith(`${path} `))
  assert.ok(lines.length > 0, `${path} is no mount of\n${entered.mounts().join('\n')}`)
  return (lines.at(-1) as string).slice(path.length + 1)
}

export const optionsOf = (entered: Entered, path: string): string => lineOf(entered, path).split(' ')[0] as string
