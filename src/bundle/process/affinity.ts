import type { Program } from '../../program/builder.ts'
import { affinityCpus } from '../config/check-scheduling.ts'
import type { Process } from '../spec.ts'

/** As many CPUs as a mask of the kernel ever holds: those of the group are what is left of it. */
const ALL = Array.from({ length: 1024 }, (_, cpu) => cpu)

/** Where an executed process begins, before it enters the group of its container: for its maker, which it inherits this from. */
export function initialAffinitySteps(p: Program, { execCPUAffinity }: Process): void {
  const cpus = listOf(execCPUAffinity?.initial)
  if (cpus === undefined) return
  p.because('process', 'CPUs until the process is in its group: none that other work was kept off')
  p.sched_setaffinity(0, cpus)
}

/** Where it goes on, in its group; what was only for its beginning does not stay. */
export function finalAffinitySteps(p: Program, { execCPUAffinity }: Process): void {
  const cpus = listOf(execCPUAffinity?.final)
  if (cpus === undefined && listOf(execCPUAffinity?.initial) === undefined) return
  p.because('process', 'CPUs of the program from now on; without a list those of its group')
  p.sched_setaffinity(0, cpus ?? ALL)
}

function listOf(text: string | undefined): readonly number[] | undefined {
  const cpus = text === undefined ? undefined : affinityCpus(text)
  return cpus === undefined || cpus.size === 0 ? undefined : [...cpus]
}
