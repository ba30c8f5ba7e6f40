import { checkLinuxResources } from '../../src/bundle/config/check-linux-resources.ts'
import { newFindings } from '../../src/bundle/config/fields.ts'
import { SyncAgent } from '../../src/kernel/agent.ts'
import { nodeKernel } from '../../src/kernel/node.ts'
import type { Kernel } from '../../src/kernel/kernel.ts'
import type { Flags } from '../../src/linux/flags.ts'
import type { CloneFlag } from '../../src/linux/tables/clone.ts'
import { type GroupEntry, groupSteps } from '../../src/oci/cgroups/group-steps.ts'
import { killGroup } from '../../src/oci/cgroups/kill-group.ts'
import { type GroupPlan, type GroupRequest, planGroup } from '../../src/oci/cgroups/plan-group.ts'
import { removeGroup } from '../../src/oci/cgroups/remove-group.ts'
import { type Program, program } from '../../src/program/builder.ts'
import { execSteps } from '../../src/program/exec-steps.ts'
import { cloneStep } from '../../src/program/special.ts'

/** A process in the groups of a container, made as the runtime makes one, that still waits for its program. */
export interface Grouped {
  readonly plan: GroupPlan
  readonly first: SyncAgent
  readonly pid: number
  /** What made it: in no group of the container's */
  readonly maker: SyncAgent
  /** Has the first process execute a command */
  readonly exec: (argv: readonly string[]) => void
  /** One more process, made by the steps of `enter` */
  readonly another: (enter: (p: Program) => GroupEntry) => SyncAgent
}

/** A plan as `create` makes it of a configuration. */
export function planOf(
  kernel: Kernel,
  { resources = {}, ...request }: Partial<Omit<GroupRequest, 'resources'>> & { readonly resources?: object },
): GroupPlan {
  const checked = checkLinuxResources(resources, '/linux/resources', newFindings())
  return planGroup(kernel, { id: 'test', manager: 'cgroupfs', rootless: false, ...request, resources: checked })
}

/** Plans groups, makes them with a first process in them, and ends and removes all of it afterwards. */
export async function withGroups(
  request: Partial<Omit<GroupRequest, 'resources'>> & { readonly resources?: object },
  use: (grouped: Grouped) => void | Promise<void>,
  flags: Flags<CloneFlag> = [],
): Promise<void> {
  const kernel = nodeKernel()
  const plan = planOf(kernel, request)
  const maker = SyncAgent.start(kernel)
  const born: SyncAgent[] = []
  const make = (enter: (p: Program) => GroupEntry, with_: Flags<CloneFlag> = []): SyncAgent => {
    let entry: GroupEntry | undefined
    try {
      const { agent } = SyncAgent.child(maker, (p, control) => {
        entry = enter(p)
        const { cgroup } = entry
        const { pid, pidfd } = cloneStep(p, { flags: with_, control, ...(cgroup ? { cgroup } : {}) })
        p.close(pidfd)
        entry.settle(pid)
        return pid
      })
      born.push(agent)
      return agent
    } catch (error) {
      throw entry?.explain(error) ?? error
    }
  }
  try {
    const first = make((p) => groupSteps(p, plan), flags)
    const pid = first.pid as number
    const exec = (argv: readonly string[]): void => {
      const p = program()
      execSteps(p, { path: argv[0] as string, argv, env: { PATH: '/usr/bin:/bin' } })
      first.post(p)
    }
    await use({ plan, first, pid, maker, exec, another: (enter) => make(enter) })
  } finally {
    killGroup(kernel, plan.places)
    born.forEach((agent) => agent.close())
    maker.end()
    removeGroup(kernel, plan.places)
  }
}
