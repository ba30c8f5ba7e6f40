import type { Context, Group } from './context.ts'
import { interleave, type Measured, type Subject } from './interleave.ts'
import { MeasuredProcess } from './measured-process.ts'
import { measuredRow, type Row, type Section } from './row.ts'

const SHALLOW = 'call at depth 1'
const DEEP = 'call at depth 64'
const FREE = 'call at depth 3'
const BELOW_BLOCKED = 'call at depth 3, the process above is blocked'
const STREAM = 'GiB from depth 1'
const DEEP_STREAM = 'GiB from depth 16'
const SPAWN = 'GiB from Node spawn'
const FIFO = 'GiB from a named pipe to Node’s own reader'

const MIB = 2 ** 20
/** What one run may measure apart for things that are the same. */
const EQUAL = 1.1
/** As much as the stream is wanted to give, where Node's own does: 2 GB/s, as time per GiB */
const WANTED_MS = 2 ** 30 / 2e6

/** What depth costs in a tree: nothing is relayed, so nothing. */
export const depthGroup: Group = { name: 'depth', title: 'Deep down in a tree of processes', measure }

async function measure({ quick }: Context): Promise<Section> {
  const calls = await measureCalls(quick)
  await using node = await MeasuredProcess.start(0, 'tree-jobs.mjs')
  const size = quick ? 256 * MIB : 512 * MIB
  const drain = (name: string, job: string): Subject => ({ name, batch: 1, measure: () => node.ask(job, size) })
  const streams = await interleave(
    [drain(STREAM, 'drainAt1'), drain(DEEP_STREAM, 'drainAt16'), drain(FIFO, 'drainFifo'), drain(SPAWN, 'drainSpawn')],
    quick ? 7 : 25,
  )
  return {
    rows: [
      measuredRow(calls, SHALLOW, 'us'),
      measuredRow(calls, DEEP, 'us', { against: SHALLOW, atMost: EQUAL }),
      measuredRow(calls, FREE, 'us'),
      measuredRow(calls, BELOW_BLOCKED, 'us', { against: FREE, atMost: EQUAL }),
      measuredRow(streams, SPAWN, 'ms'),
      measuredRow(streams, FIFO, 'ms'),
      streamRow(streams),
      measuredRow(streams, DEEP_STREAM, 'ms', { against: STREAM, atMost: EQUAL }),
    ],
    notes: [
      ...calls.failures,
      ...streams.failures,
      'calls: Node and all agents on one processor, for the cost of waking another one changes from one moment to the next',
      'depth N is N forks below the root agent; alcove, which relays, needs 15 us for a call at depth 1 and 767 us at depth 16',
      `GiB: dd of ${size / MIB} MiB of /dev/zero in blocks of 64 KiB, counted in on('data')`,
    ],
  }
}

async function measureCalls(quick: boolean): Promise<Measured> {
  await using node = await MeasuredProcess.start(0, 'tree-jobs.mjs')
  await node.ask('pin')
  const subjects = [
    node.subject(SHALLOW, 100, 'callAt1'),
    node.subject(DEEP, 100, 'callAt64'),
    node.subject(FREE, 100, 'callAt3'),
    node.subject(BELOW_BLOCKED, 100, 'callBelowBlocked'),
  ]
  return await interleave(subjects, quick ? 20 : 80, 5)
}

/** The stream against Node's own spawn, and against 2 GB/s as far as Node reaches them with a pipe of the kernel. */
function streamRow(streams: Measured): Row {
  const row = measuredRow(streams, STREAM, 'ms', { against: SPAWN })
  const [own, pipe] = [streams.summary(STREAM).p50, streams.summary(FIFO).p50]
  const wanted = `>= 2 GB/s, or the named pipe's ${gigabytes(pipe)} (is ${gigabytes(own)})`
  return { ...row, goal: { wanted, met: own <= Math.max(WANTED_MS, pipe) } }
}

const gigabytes = (msPerGib: number): string => (2 ** 30 / 1e6 / msPerGib).toFixed(2)
