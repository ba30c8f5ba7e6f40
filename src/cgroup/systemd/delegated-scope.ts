import { readFileSync } from 'node:fs'
import { StateError } from '../../base/errors.ts'
import { vacateSteps } from '../../features/cgroups/group-steps.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import { LEAF } from '../../host/v2-reach.ts'
import type { Agent } from '../../process/agent.ts'
import { identityOf } from '../../process/calls/identity.ts'
import { program } from '../../program/builder.ts'
import type { ManagerOptions } from './systemd-manager.ts'
import { type Scope, startScope } from './scope.ts'

/** How the scope of an agent is made. */
export interface DelegatedScopeOptions extends ManagerOptions {
  /** Default: `system.slice`, for a user's manager `user.slice` */
  readonly slice?: string
}

/** A group that systemd has handed out: groups below it are made by files. */
export interface DelegatedScope {
  /** `carrel-4711.scope` */
  readonly unit: string
  /** Path of its group as systemd says it */
  readonly controlGroup: string
  /** Its directory in the v2 tree, `/sys/fs/cgroup/system.slice/carrel-4711.scope`; absent where there is no such tree */
  readonly directory?: string
  /** Its directories: on v1 one per hierarchy */
  readonly places: readonly GroupPlace[]
  /** Where the agent is now, below `directory`; absent on v1, whose groups may hold processes and groups */
  readonly leaf?: string
}

/**
 * Asks systemd once for a delegated scope that holds a root agent alone, and moves the agent into a leaf of it, so that controllers can be
 * given to groups beside the leaf (cgroup-v2.rst, "No Internal Process Constraint"). It ends when the last process in or below it has.
 * @throws UnsupportedError where systemd cannot be asked, StateError when the agent has ended or systemd refuses, TimeoutError
 */
export async function delegatedScope(agent: Agent, options: DelegatedScopeOptions = {}): Promise<DelegatedScope> {
  const pid = agent.hostPid
  if (pid === undefined) throw new StateError('The agent has ended', { state: 'ended', wanted: 'alive' })
  const { unit, controlGroup, places } = await startNamed(pid, options)
  const unified = places.find(({ version }) => version === 2)
  if (!unified) return { unit, controlGroup, places }
  const { directory } = unified
  if (unified.controllers.length === 0) return { unit, controlGroup, places, directory }
  const leaf = `${directory}/${LEAF}`
  const p = program()
  vacateSteps(p, { vacate: { directory, leaf, pids: pidsIn(directory) } })
  await agent.run(p)
  return { unit, controlGroup, places, directory, leaf }
}

/** A scope of an earlier process with the same pid lives on while what it detached does: then the name tells the start too. */
async function startNamed(pid: number, options: DelegatedScopeOptions): Promise<Scope> {
  const rest = { ...options, pids: [pid], description: `Carrel sandboxes of process ${process.pid}` }
  try {
    return await startScope({ ...rest, name: `carrel-${pid}.scope` })
  } catch (error) {
    if (!(error instanceof StateError && error.state === 'in use')) throw error
    return await startScope({ ...rest, name: `carrel-${pid}-${identityOf(pid).startTicks}.scope` })
  }
}

const pidsIn = (directory: string): readonly number[] =>
  readFileSync(`${directory}/cgroup.procs`, 'utf8').split('\n').filter(Boolean).map(Number)
