import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Cgroup } from '../../../src/cgroup/index.ts'
import type { Resources } from '../../../src/features/cgroups/resources.ts'
import { type Agent, SyscallError, UnsupportedError } from '../../../src/process/index.ts'
import { cgroupName } from '../../support/machine-check.ts'
import { report } from './report.ts'

/** What was seen of a limit that holds. */
export interface Measured {
  readonly how: string
  /** What was measured divided by what was asked for */
  readonly measured?: number
}

/** One limit, and how its effect is seen. */
export interface Case {
  /** As a refusal names it: a dotted path of `Resources` */
  readonly limit: string
  readonly resources: Resources
  readonly measure: (group: Cgroup, agent: Agent) => Promise<Measured>
  /** Name in /proc/cgroups of a controller that has this on every kernel and version: root may not be refused it */
  readonly always?: string
  /** A write that the kernel refuses by this error, where nobody could know before */
  readonly refusal?: { readonly file: string; readonly errno: string }
}

let made = 0

/** Makes a group with a limit and measures what it does; where the host cannot enforce it, it has to say so by name. */
export async function showEffect(agent: Agent, { limit, resources, measure, always, refusal }: Case): Promise<void> {
  const group = await create(agent, resources).catch((error: unknown) => {
    const how = reasonOf(error, limit, refusal)
    assert(!(always && isRoot() && isEnabled(always)), `root is refused ${limit} though ${always} is here: ${how}`)
    report({ limit, verdict: 'refused', how })
  })
  if (!group) return
  try {
    report({ limit, verdict: 'enforced', ...(await measure(group, agent)) })
  } finally {
    await remove(group)
  }
}

/** A group of a name that no other test has. */
export const create = (agent: Agent, resources: Resources): Promise<Cgroup> =>
  Cgroup.create(agent, [cgroupName(`effect-${++made}`)], resources)

/** Whatever a failed measurement left in it ends too. */
export async function remove(group: Cgroup): Promise<void> {
  await group.kill()
  await group.destroy()
}

/** The words of a refusal, which must name the limit; any other error is a failure. */
function reasonOf(error: unknown, limit: string, refusal: Case['refusal']): string {
  if (error instanceof UnsupportedError) {
    const { message } = error
    assert(message.startsWith(`Cannot enforce ${limit}, because `), `the refusal does not name ${limit}: ${message}`)
    return message
  }
  if (!(error instanceof SyscallError) || error.errno !== refusal?.errno) throw error
  assert(error.message.includes(refusal.file), `the refusal does not name ${refusal.file}: ${error.message}`)
  return error.message
}

const isRoot = (): boolean => process.getuid?.() === 0

/** Lines of /proc/cgroups: name, hierarchy, groups, enabled. */
const isEnabled = (controller: string): boolean =>
  new RegExp(`^${controller}\\t\\d+\\t\\d+\\t1$`, 'm').test(readFileSync('/proc/cgroups', 'utf8'))
