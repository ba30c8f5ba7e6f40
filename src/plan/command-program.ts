import { capabilitySteps, keepSteps } from '../features/capabilities/capabilities.ts'
import { seccompSteps } from '../features/seccomp/seccomp-steps.ts'
import { becomeUserSteps, type IdMap } from '../features/users/id-map.ts'
import type { Arch } from '../linux/arch.ts'
import type { Pid, Ref } from '../linux/ref.ts'
import { type Program, program } from '../program/builder.ts'
import { execSteps, type Execution } from '../program/exec-steps.ts'
import { cloneStep, type DescriptorMove, descriptorsStep } from '../program/special.ts'
import type { ResourceLimits, Settings } from './settings.ts'

/** A command to run in a sandbox, after validation. */
export interface CommandSettings extends Execution {
  readonly workdir: string
  readonly rlimits: ResourceLimits
  /** The terminal's slave in the command's process; undefined: three descriptors are attached */
  readonly terminal?: number
}

export interface CommandInput {
  readonly arch: Arch
  readonly settings: Settings
  readonly map: IdMap
  readonly filter: Uint8Array | null
  readonly command: CommandSettings
}

/** PID 1's part of a command: one child, with a socket of its own. Sent: its pidfd. */
export function forkProgram(arch: Arch): { readonly program: Program; readonly pid: Ref<Pid> } {
  const p = program({ arch })
  p.because('command', 'A child of PID 1, which reaps it and whatever it leaves behind')
  const { pid, pidfd } = cloneStep(p, { flags: [], control: p.attached(0) })
  p.send(pidfd)
  return { program: p, pid }
}

/**
 * What the child does to become a command, when it still holds all capabilities of the sandbox's root. The order is that of what
 * each step still needs: limits and terminal first, then the user, the capabilities, the filter, and the program itself.
 */
export function commandProgram({ arch, settings, map, filter, command }: CommandInput): Program {
  const p = program({ arch })
  const moves = streamSteps(p, command)
  p.because('exec', 'Only the named descriptors reach the program, every other one is close-on-exec (CVE-2024-21626)')
  descriptorsStep(p, moves)
  limitSteps(p, command.rlimits)
  keepSteps(p, settings.capabilities)
  becomeUserSteps(p, map, settings.user)
  capabilitySteps(p, settings.capabilities)
  p.because('exec', 'As the user itself: a directory that it may not enter is refused here')
  p.chdir(command.workdir)
  p.umask(0o022)
  p.because('exec', 'The agent blocks signals for its signalfd; a program starts with none blocked')
  p.rt_sigprocmask('SIG_SETMASK', [])
  if (filter) seccompSteps(p, filter)
  p.because('exec', 'The command: from here on the code is not ours')
  execSteps(p, command)
  return p
}

/** A session of its own for every command: signals of one never reach another, and no terminal of the caller can be its own. */
function streamSteps(p: Program, command: CommandSettings): DescriptorMove[] {
  p.because('terminal', 'A session of its own: no terminal of the caller’s can be its controlling one (CVE-2017-5226)')
  p.setsid()
  if (command.terminal === undefined) return [0, 1, 2].map((target): DescriptorMove => [p.attached(target), target])
  p.ioctl(command.terminal, 'TIOCSCTTY', 0)
  return [0, 1, 2].map((target): DescriptorMove => [command.terminal as number, target])
}

function limitSteps(p: Program, rlimits: ResourceLimits): void {
  p.because('limits', 'Limits of each process; those of the whole sandbox are its groups’')
  for (const [name, { soft, hard }] of Object.entries(rlimits)) {
    p.prlimit64(0, name as never, { rlim_cur: soft, rlim_max: hard })
  }
}
