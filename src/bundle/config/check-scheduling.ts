import { parseCpuList } from '../../features/cgroups/cpu-list.ts'
import {
  checkChoice,
  checkChoices,
  checkText,
  checkUnsigned64,
  checkWhole,
  type Fields,
  fieldsOf,
  type Findings,
  need,
  refuse,
  wrong,
} from './fields.ts'

const POLICIES = ['SCHED_OTHER', 'SCHED_FIFO', 'SCHED_RR', 'SCHED_BATCH', 'SCHED_ISO', 'SCHED_IDLE', 'SCHED_DEADLINE']
const FLAGS = [
  'SCHED_FLAG_RESET_ON_FORK',
  'SCHED_FLAG_RECLAIM',
  'SCHED_FLAG_DL_OVERRUN',
  'SCHED_FLAG_KEEP_POLICY',
  'SCHED_FLAG_KEEP_PARAMS',
  'SCHED_FLAG_UTIL_CLAMP_MIN',
  'SCHED_FLAG_UTIL_CLAMP_MAX',
]
const TIMES = ['runtime', 'deadline', 'period'] as const
const IO_CLASSES = ['IOPRIO_CLASS_RT', 'IOPRIO_CLASS_BE', 'IOPRIO_CLASS_IDLE']
/** Shortest runtime of a deadline task, `ns` (sched(7)) */
const LEAST_RUNTIME = 1024n
const MOST_TIME = 2n ** 63n - 1n

/** `process.scheduler`: what sched_setattr(2) would refuse is refused here, by name. @throws InvalidInputError */
export function checkScheduler(value: unknown, at: string, findings: Findings): void {
  if (value === undefined) return
  const scheduler = fieldsOf(value, at, ['policy', 'nice', 'priority', 'flags', ...TIMES], findings)
  const { policy, nice, priority } = scheduler
  need(scheduler, 'policy', at, 'say SCHED_OTHER for the normal one')
  checkChoice(policy, `${at}/policy`, POLICIES)
  if (policy === 'SCHED_ISO') refuse(`${at}/policy`, 'is SCHED_ISO, which no kernel has: choose another')
  checkWhole(nice, `${at}/nice`, -20, 19)
  checkWhole(priority, `${at}/priority`, -0x8000_0000, 0x7fff_ffff)
  checkChoices(scheduler['flags'], `${at}/flags`, FLAGS)
  for (const key of TIMES) checkUnsigned64(scheduler[key], `${at}/${key}`)
  checkPriority(policy, priority, `${at}/priority`)
  checkTimes(policy, scheduler, at)
}

function checkPriority(policy: unknown, priority = 0, at: string): void {
  const realtime = policy === 'SCHED_FIFO' || policy === 'SCHED_RR'
  if (realtime && (priority < 1 || priority > 99)) refuse(at, `must be 1 to 99 with ${String(policy)}, not ${priority}`)
  if (!realtime && priority !== 0)
    refuse(at, `must be absent or 0 with ${String(policy)}: only SCHED_FIFO and SCHED_RR have one`)
}

function checkTimes(policy: unknown, scheduler: Fields, at: string): void {
  const [runtime, deadline, period] = TIMES.map((key) => BigInt((scheduler[key] ?? 0) as number | bigint)) as [
    bigint,
    bigint,
    bigint,
  ]
  if (policy !== 'SCHED_DEADLINE') {
    const key = TIMES.find((each) => scheduler[each] && BigInt(scheduler[each] as number) !== 0n)
    if (key) refuse(`${at}/${key}`, `must be absent or 0 with ${String(policy)}: only SCHED_DEADLINE has it`)
    return
  }
  if (runtime < LEAST_RUNTIME)
    refuse(`${at}/runtime`, `must be at least ${LEAST_RUNTIME} ns with SCHED_DEADLINE (sched(7))`)
  if (deadline < runtime) refuse(`${at}/deadline`, 'must be at least runtime (sched(7)): raise it')
  if (period !== 0n && period < deadline) refuse(`${at}/period`, 'must be 0 or at least deadline (sched(7)): raise it')
  if (deadline > MOST_TIME || period > MOST_TIME)
    refuse(`${at}/period`, `must, as deadline, be at most ${MOST_TIME} (sched(7))`)
}

/** `process.ioPriority`. @throws InvalidInputError */
export function checkIoPriority(value: unknown, at: string, findings: Findings): void {
  if (value === undefined) return
  const priority = fieldsOf(value, at, ['class', 'priority'], findings)
  need(priority, 'class', at, 'say IOPRIO_CLASS_BE for the normal one')
  checkChoice(priority['class'], `${at}/class`, IO_CLASSES)
  need(priority, 'priority', at, 'give 0, the highest, to 7')
  checkWhole(priority['priority'], `${at}/priority`, 0, 7)
}

/** `process.execCPUAffinity`. @throws InvalidInputError */
export function checkExecCpuAffinity(value: unknown, at: string, findings: Findings): void {
  if (value === undefined) return
  const affinity = fieldsOf(value, at, ['initial', 'final'], findings)
  for (const key of ['initial', 'final']) {
    const list = affinity[key]
    checkText(list, `${at}/${key}`)
    if (list !== undefined && !affinityCpus(list)) {
      wrong(list, `${at}/${key}`, 'a list of CPUs', ': write it like 0-3,7')
    }
  }
}

/** The CPUs of an affinity: none for an empty text, which means the same as absent; undefined when it is no list. */
export function affinityCpus(text: string): ReadonlySet<number> | undefined {
  // The schema's pattern has spaces.
  const packed = text.replace(/ *([,-]) */g, '$1').trim()
  return packed === '' ? new Set() : parseCpuList(packed)
}
