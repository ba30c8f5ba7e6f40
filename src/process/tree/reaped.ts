import type { Siginfo } from '../../linux/siginfo.ts'
import type { RusageDecoded } from '../../linux/generated/signatures.ts'
import type { Program } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'
import type { Children } from './children.ts'
import { exitOf, type Rusage } from './exit.ts'

interface Waited {
  readonly pid: number
  /** The status word of wait4(2) */
  readonly status: number | object
  readonly raw?: number
  readonly rusage: RusageDecoded
}

/** A program that waits for a child takes its end away from the agent, which then cannot tell it: here it is taken from the result. */
export function tellReaped(p: Program, result: ProgramResult, children: Children): void {
  // Both wait by nature, and few programs do.
  if (!p.waits) return
  p.steps.forEach(({ name }, index) => {
    if (name !== 'wait4' && name !== 'waitid') return
    if (!(result.count > index) || result.result(index) < 0) return
    if (name === 'wait4') tellWaited(result.value(index), children, result.sequence)
    else tellInfo(result.value(index), children, result.sequence)
  })
}

const STOPPED = 0x7f

function tellWaited(value: unknown, children: Children, sequence: number): void {
  const { pid, status, raw, rusage } = value as Waited
  const word = raw ?? Number(status)
  const ended = pid > 0 && (word & 0xff) !== STOPPED && word !== 0xffff
  if (ended) children.ended(pid, exitOf(word, rusageOf(rusage)), sequence)
}

function tellInfo(value: unknown, children: Children, sequence: number): void {
  const { siginfo, rusage } = value as { readonly siginfo: Siginfo; readonly rusage: RusageDecoded }
  const { pid = 0, status = 0, code } = siginfo
  const core = code === 'CLD_DUMPED' ? 0x80 : 0
  const word = code === 'CLD_EXITED' ? status << 8 : status | core
  if (['CLD_EXITED', 'CLD_KILLED', 'CLD_DUMPED'].includes(code)) {
    children.ended(pid, exitOf(word, rusageOf(rusage)), sequence)
  }
}

const milliseconds = (time: { readonly tv_sec: number | bigint; readonly tv_usec: number | bigint }): number =>
  Number(time.tv_sec) * 1000 + Number(time.tv_usec) / 1000

const rusageOf = (from: RusageDecoded): Rusage => ({
  userMs: milliseconds(from.ru_utime),
  systemMs: milliseconds(from.ru_stime),
  maxRssBytes: Number(from.ru_maxrss) * 1024,
  minorFaults: Number(from.ru_minflt),
  majorFaults: Number(from.ru_majflt),
  blocksRead: Number(from.ru_inblock),
  blocksWritten: Number(from.ru_oublock),
  voluntarySwitches: Number(from.ru_nvcsw),
  involuntarySwitches: Number(from.ru_nivcsw),
})
