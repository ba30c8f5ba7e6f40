import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cgroup } from '../../../src/cgroup/index.ts'
import type { Measured } from './effect.ts'

/** Path of a file of a group, in whichever of its places has it; a path that is not there when none has. */
export function fileIn(group: Cgroup, name: string): string {
  const paths = group.places.map(({ directory }) => join(directory, name))
  return paths.find((path) => existsSync(path)) ?? paths[0] ?? name
}

/** What the kernel shows in a file of a group. */
export const shown = (group: Cgroup, name: string): string => readFileSync(fileIn(group, name), 'utf8')

/** A setting that acts only when the whole machine is short of something: the kernel has it. */
export const holds =
  (files: readonly string[], value: string, because: string) =>
  (group: Cgroup): Promise<Measured> => {
    const file = files.find((name) => existsSync(fileIn(group, name)))
    assert(file !== undefined, `none of ${files.join(', ')} is there`)
    const lines = shown(group, file).split('\n')
    assert(lines.includes(value) || lines.includes(`default ${value}`), lines.join('; '))
    return Promise.resolve({ how: `${file} holds ${value}; ${because}` })
  }
