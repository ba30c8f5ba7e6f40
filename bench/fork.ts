import type { Context, Group } from './context.ts'
import { interleave, type Subject } from './interleave.ts'
import { MeasuredProcess } from './measured-process.ts'
import { measuredRow, type Section } from './row.ts'
import { timesOf } from './workspace.ts'

const TO_END = 'fork(2) in C, exit, wait'
const TO_ANSWER = 'fork(2) in C, child answers on a socket'
const TO_IMAGE = 'execve(2) in C, told and answered on a socket'
const FORK = 'agent.fork()'
const FORK_ASK = 'agent.fork(), child answers a call'
const FORK_CLOSE = 'agent.fork(), close()'
const REEXEC = 'agent.reexec()'

/** What a new process costs. */
export const forkGroup: Group = { name: 'fork', title: 'A new process', measure }

async function measure({ workspace, quick }: Context): Promise<Section> {
  const fork = workspace.compile('fork')
  await using node = await MeasuredProcess.start(0, 'tree-jobs.mjs')
  const inC = (name: string, mode: string): Subject => ({
    name,
    batch: 50,
    measure: async (count) => (await timesOf(fork, [String(count), mode])).map((ms) => ms * 1000),
  })
  const subjects = [
    inC(TO_END, 'wait'),
    inC(TO_ANSWER, 'answer'),
    inC(TO_IMAGE, 'exec'),
    node.subject(FORK, 50, 'fork'),
    node.subject(FORK_ASK, 50, 'forkAndAsk'),
    node.subject(FORK_CLOSE, 50, 'forkAndClose'),
    node.subject(REEXEC, 50, 'reexec'),
  ]
  const measured = await interleave(subjects, quick ? 6 : 30, 2)
  return {
    rows: [
      measuredRow(measured, TO_END, 'us'),
      measuredRow(measured, TO_ANSWER, 'us'),
      measuredRow(measured, TO_IMAGE, 'us'),
      measuredRow(measured, FORK, 'us', { against: TO_ANSWER }),
      measuredRow(measured, FORK_ASK, 'us', { against: TO_ANSWER }),
      measuredRow(measured, FORK_CLOSE, 'us', { against: TO_END }),
      measuredRow(measured, REEXEC, 'us', { against: TO_IMAGE }),
    ],
    notes: [
      ...measured.failures,
      'fork(2): bench/fork.c, a small static program; it has no pidfd, no second process to ask',
    ],
  }
}
