import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { Cgroup, type CreateOptions, type Resources } from '../../src/cgroup/index.ts'
import type { Agent, Process } from '../../src/process/index.ts'
import { cgroupName } from '../support/machine-check.ts'

let made = 0

/** A name that no other test uses. */
export const freshName = (): string => cgroupName(`g${made++}`)

/** A group with a fresh name. */
export const makeGroup = (agent: Agent, resources?: Resources, options?: CreateOptions): Promise<Cgroup> =>
  Cgroup.create(agent, freshName(), resources, options)

/** Directory of a group, of a controller or of the v2 tree. */
export function directoryOf(group: Cgroup, controller: string): string {
  const place = group.places.find(({ version, controllers }) =>
    controller === 'v2' ? version === 2 : (controllers as readonly string[]).includes(controller),
  )
  assert(place, `no place of ${controller}`)
  return place.directory
}

/** What the kernel says in a file, as this process reads it. */
export const kernelSays = (group: Cgroup, controller: string, file: string): string =>
  readFileSync(`${directoryOf(group, controller)}/${file}`, 'utf8').trim()

/** Pids in cgroup.procs of every place, as the kernel tells this process. */
export const pidsIn = (group: Cgroup): number[][] =>
  group.directories.map((directory) =>
    readFileSync(`${directory}/cgroup.procs`, 'utf8').split('\n').filter(Boolean).map(Number),
  )

export const isThere = (group: Cgroup): boolean => group.directories.some((directory) => existsSync(directory))

/** A shell in the group. */
export const shellIn = (group: Cgroup, script: string): Promise<Process> =>
  group.exec('/bin/sh', ['sh', '-c', script], { env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }, stdio: 'null' })

/** Whether the group is in a v2 tree, alone or beside others. */
export const isInTree = (group: Cgroup): boolean => group.places.some(({ version }) => version === 2)

/** Whether the kernel says that all processes of the group stand still. */
export const isFrozen = (group: Cgroup): boolean =>
  isInTree(group)
    ? /^frozen 1$/m.test(kernelSays(group, 'v2', 'cgroup.events'))
    : kernelSays(group, 'freezer', 'freezer.state') === 'FROZEN'

/** Whether there is no v1 here, and so nothing that a v2 group would stand beside. */
export const isUnifiedAlone = (group: Cgroup): boolean => group.places.every(({ version }) => version === 2)
