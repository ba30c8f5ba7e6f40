import type { Context, Group } from './context.ts'
import { interleave, type Subject } from './interleave.ts'
import { MeasuredProcess } from './measured-process.ts'
import { measuredRow, type Section } from './row.ts'

const MIB = 2 ** 20
const BOX = 'from box.spawn'
const BARE = 'from Node spawn'

/** Reading a lot of stdout. */
export const throughputGroup: Group = { name: 'throughput', title: 'Time per GiB of stdout, read by Node', measure }

async function measure({ quick }: Context): Promise<Section> {
  await using node = await MeasuredProcess.start()
  const size = quick ? 512 * MIB : 4096 * MIB
  const drain = (name: string, job: string): Subject => ({
    name,
    batch: 1,
    measure: () => node.ask<number[]>(job, size),
  })
  await node.ask('drainBox', 64 * MIB)
  await node.ask('drainSpawn', 64 * MIB)
  const measured = await interleave([drain(BOX, 'drainBox'), drain(BARE, 'drainSpawn')], 3, 0)
  const throughput = 1 / measured.ratio(BOX, BARE)
  const box = measuredRow(measured, BOX, 'ms')
  const goal = { wanted: `>= 1x throughput of Node spawn (is ${throughput.toFixed(2)}x)`, met: throughput >= 1 }
  return {
    rows: [measuredRow(measured, BARE, 'ms'), { ...box, ratio: { to: BARE, value: 1 / throughput }, goal }],
    notes: [...measured.failures, `dd of ${size / MIB} MiB of /dev/zero in blocks of 1 MiB, counted in on('data')`],
  }
}
