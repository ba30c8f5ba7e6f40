import { DecimalPath } from '../../linux/decimal-path.ts'
import type { Fd, Pid, Ref } from '../../linux/ref.ts'
import type { RlimitResource } from '../../linux/tables/rlimits.ts'
import type { SchedFlag, SchedPolicy } from '../../linux/tables/sched.ts'
import { IOPRIO_CLASS } from '../../linux/tables/sched.ts'
import type { Program } from '../../program/builder.ts'
import type { Process, Rlimit } from '../spec.ts'
import { openProcfs, writeProcfs } from './procfs.ts'

/** Whose resources are set. */
export interface ResourceInput {
  readonly process: Process
  /** 0: the process that runs the steps; another as that process numbers it */
  readonly pid?: number | Ref<Pid>
}

/** Below this many descriptors the agent itself could not go on until the exec. */
const ROOMY = 256

/**
 * Limits, scheduler and I/O priority. What of it needs privileges needs those of the host (capable(9) in the first user
 * namespace), so a process in a user namespace cannot do this for itself: its maker does, with its pid.
 */
export function resourceSteps(p: Program, { process: asked, pid = 0 }: ResourceInput): void {
  limitSteps(p, asked, pid)
  schedulerSteps(p, asked, pid)
  ioPrioritySteps(p, asked, pid)
}

/**
 * The score of a child, written by its maker: the child would need the host's /proc for it, which nobody of the container may find in a
 * process of ours. `proc` is that of `procfsSteps`, which numbers processes as the maker does.
 */
export function scoreSteps(p: Program, { oomScoreAdj }: Process, proc: Ref<Fd> | number, pid: Ref<Pid>): void {
  if (oomScoreAdj === undefined) return
  p.because(
    'process',
    'Whom the kernel kills first when memory is short; less than now needs CAP_SYS_RESOURCE of the host',
  )
  const directory = p.openat(proc, new DecimalPath('', pid), ['O_PATH', 'O_DIRECTORY', 'O_NOFOLLOW', 'O_CLOEXEC'])
  const file = openProcfs(p, directory, 'oom_score_adj', 'O_WRONLY')
  p.write(file, String(oomScoreAdj))
  p.close(file)
  p.close(directory)
}

/** The same for a child that is still to be made, which inherits the score: it is born without the host's /proc. */
export function inheritedScoreSteps(p: Program, { oomScoreAdj }: Process, proc: Ref<Fd>): void {
  if (oomScoreAdj === undefined) return
  p.because(
    'process',
    'Whom the kernel kills first when memory is short; less than now needs CAP_SYS_RESOURCE of the host',
  )
  writeProcfs(p, proc, 'self/oom_score_adj', String(oomScoreAdj))
}

function limitSteps(p: Program, { rlimits = [] }: Process, pid: number | Ref<Pid>): void {
  if (rlimits.length === 0) return
  p.because('process', 'Limits of the process; a hard one above the present needs CAP_SYS_RESOURCE of the host')
  for (const limit of rlimits) {
    if (!isOpenFiles(limit)) setLimit(p, limit, pid)
    else if (limit.hard >= ROOMY) setLimit(p, { ...limit, soft: limit.hard }, pid)
  }
}

/** The number of descriptors as asked, just before the exec: nothing needs one any more. */
export function openFilesSteps(p: Program, limit: Omit<Rlimit, 'type'> | undefined): void {
  if (limit === undefined) return
  p.because('process', 'How many descriptors the program may have')
  setLimit(p, { ...limit, type: 'RLIMIT_NOFILE' }, 0)
}

/** The limit of descriptors among those asked for. */
export const openFilesLimit = ({ rlimits = [] }: Process): Rlimit | undefined => rlimits.find(isOpenFiles)

const isOpenFiles = ({ type }: Rlimit): boolean => type === 'RLIMIT_NOFILE' || type === 'RLIMIT_OFILE'

const NO_LIMIT = 0xffff_ffff_ffff_ffffn

function setLimit(p: Program, { type, soft, hard }: Rlimit, pid: number | Ref<Pid>): void {
  p.prlimit64(pid, type as RlimitResource, { rlim_cur: limitValue(soft), rlim_max: limitValue(hard) })
}

/** 2^64-1 as JSON numbers hold it is 2^64. */
const limitValue = (value: number | bigint): bigint => {
  const exact = BigInt(value)
  return exact > NO_LIMIT ? NO_LIMIT : exact
}

/** Scheduling alone: a child of the process need not inherit it (SCHED_FLAG_RESET_ON_FORK). */
export function schedulerSteps(p: Program, { scheduler }: Process, pid: number | Ref<Pid>): void {
  if (scheduler === undefined) return
  const { policy, nice = 0, priority = 0, flags = [], runtime = 0, deadline = 0, period = 0 } = scheduler
  p.because('process', 'Scheduling of the process (sched_setattr(2)); more than usual needs CAP_SYS_NICE of the host')
  p.sched_setattr(
    pid,
    {
      // The kernel's headers of today call it SCHED_NORMAL.
      sched_policy: (policy === 'SCHED_OTHER' ? 'SCHED_NORMAL' : policy) as SchedPolicy,
      sched_flags: flags as readonly SchedFlag[],
      sched_nice: nice,
      sched_priority: priority,
      sched_runtime: runtime,
      sched_deadline: deadline,
      sched_period: period,
    },
    [],
  )
}

const CLASS_SHIFT = 13

function ioPrioritySteps(p: Program, { ioPriority }: Process, pid: number | Ref<Pid>): void {
  if (ioPriority === undefined) return
  const classes: Readonly<Record<string, number>> = IOPRIO_CLASS.values
  p.because('process', 'I/O priority (ioprio_set(2))')
  const value = ((classes[ioPriority.class] ?? 0) << CLASS_SHIFT) | (ioPriority.priority ?? 0)
  p.ioprio_set('IOPRIO_WHO_PROCESS', pid, value)
}
