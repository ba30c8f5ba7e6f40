import { afterFilterSteps, grantedCapabilities } from '../../bundle/process/capability-sets.ts'
import { schedulerSteps } from '../../bundle/process/resources.ts'
import { letsBearChildren } from '../../bundle/seccomp/birth-under-filter.ts'
import { ociSeccompSteps } from '../../bundle/seccomp/seccomp-steps.ts'
import type { Linux, Process } from '../../bundle/spec.ts'
import { surviveSteps } from '../../bundle/start/gate-steps.ts'
import { SyncAgent } from '../../kernel/agent.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { machineArch } from '../../linux/arch.ts'
import { program } from '../../program/builder.ts'
import { cloneStep } from '../../program/special.ts'
import { LIMITS } from '../../protocol/wire.ts'
import { OwnRights } from './facts.ts'
import { compiledFilter } from './final-program.ts'
import type { Terminals } from './first-programs.ts'
import type { KeptDescriptors } from './kept-descriptors.ts'
import type { ReadyProcess } from './ready-first.ts'

/** What a process is born from. */
export interface Birth {
  readonly process: Process
  readonly linux: Linux | undefined
  /** Parent of `mother` */
  readonly maker: SyncAgent
  /** Ready to execute in all ways but one: only its children are in the pid namespace of the container */
  readonly mother: { readonly agent: SyncAgent; readonly pid: number }
  readonly kept: KeptDescriptors
  readonly ready: ReadyProcess
  readonly terminals: Terminals | null
}

/** A process that has nothing left to do but to execute its program. */
export interface BornLast {
  readonly agent: SyncAgent
  readonly pid: number
  readonly ready: ReadyProcess
  /** The filter is loaded */
  readonly filtered: boolean
}

/**
 * Makes the process that executes the program: from its first moment on, in which those of the container can trace it, with the rights,
 * the user, the descriptors and, where it has one that lets it be born, the filter of that program. Its mother and then its maker end.
 */
export async function bearLast(kernel: Kernel, birth: Birth): Promise<BornLast> {
  const { process, linux, maker, mother, kept, ready, terminals } = birth
  const filter = linux?.seccomp ? await compiledFilter(linux.seccomp) : undefined
  const filtered = filter !== undefined && !filter.notify && letsBearChildren(filter.filter, machineArch())
  const slave = terminals ? (ready.stdio[0] as number) : undefined
  const { agent } = SyncAgent.child(mother.agent, (p, control) => {
    if (filtered) {
      ociSeccompSteps(p, filter)
      afterFilterSteps(p, grantedCapabilities(process.capabilities, new OwnRights(kernel).grantable).masks)
    }
    p.because('exec', 'Born into the container’s pid namespace as the last of all: nobody there sees it before')
    const keep = [...kept.all.map((_, index) => LIMITS.KEPT + index), ...(slave === undefined ? [] : [slave])]
    const { pid, pidfd } = cloneStep(p, { flags: [], control, keep })
    p.close(pidfd)
    return pid
  })
  const pid = agent.pid as number
  const moved = LIMITS.KEPT + kept.all.length
  comeOfAge(agent, { terminals, slave: slave === undefined ? undefined : moved })
  endMother(birth)
  if (process.scheduler) {
    const p = program()
    schedulerSteps(p, process, pid)
    maker.run(p)
  }
  return {
    agent,
    pid,
    filtered,
    ready: slave === undefined ? ready : { ...ready, stdio: [moved, moved, moved] },
  }
}

interface Own {
  readonly terminals: Terminals | null
  readonly slave: number | undefined
}

/** What no child inherits: a session, and to live on without its mother. */
function comeOfAge(agent: SyncAgent, { terminals, slave }: Own): void {
  const p = program()
  if (terminals && slave !== undefined) terminals.controlSteps(p, slave)
  else p.setsid()
  surviveSteps(p)
  agent.run(p)
}

/** Before the program is executed: it would reap it, and the caller's subreaper would not hear of it. */
function endMother({ maker, mother }: Birth): void {
  const p = program()
  p.exit_group(0)
  mother.agent.post(p, {}, false)
  maker.waitFor(mother.pid)
}
