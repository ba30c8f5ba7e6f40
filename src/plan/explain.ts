import { deviceProgram, printDeviceProgram } from '../features/devices/device-program.ts'
import { explained } from '../program/listing.ts'
import type { DeviceRule } from '../features/devices/device-rule.ts'
import type { Program } from '../program/builder.ts'
import { ABOUT } from './about-features.ts'
import type { SandboxPlan } from './plan-sandbox.ts'

/** A whole plan as text: a heading per process, its program in strace notation, the reasons beside it. */
export function explainPlan(plan: SandboxPlan, command: Program): string {
  return [
    ...plan.owners.map(({ program }) =>
      explainProgram('root agent: shows the owner of a bind as the sandbox’s user', program),
    ),
    explainProgram('root agent, on the host', plan.host.program),
    explainProgram('first process of the sandbox, at the same time; then its PID 1', plan.init),
    explainProgram('the same process, just after it', plan.name),
    explainProgram('PID 1, for each command', plan.fork.program),
    explainProgram('the command’s process', command),
    ...(plan.leave ? [explainProgram('root agent, when everything has ended', plan.leave)] : []),
    ...(plan.cgroups.devices ? [deviceListing(plan.cgroups.devices)] : []),
    ...(plan.notApplied.length ? [notApplied(plan)] : []),
  ].join('\n\n')
}

/** One program as text: a heading, its steps in strace notation, the reasons beside them. */
export const explainProgram = (title: string, program: Program): string =>
  `== ${title} (${counted(program.length)})\n${explained(program.steps, ABOUT)}`

const counted = (steps: number): string => (steps === 1 ? '1 step' : `${steps} steps`)

/** What the kernel runs at every open and every node that is made, which its group is asked about. */
function deviceListing(rules: readonly DeviceRule[]): string {
  const made = deviceProgram(rules)
  const title = `BPF program of its group: which devices may be used (${made.instructions.length} instructions)`
  return `== ${title}\n${printDeviceProgram(made)}`
}

function notApplied(plan: SandboxPlan): string {
  const lines = plan.notApplied.map(({ limit, reason, remedy }) => `  ${limit}: ${reason}; ${remedy}`)
  return `== not enforced on this host\n${lines.join('\n')}`
}
