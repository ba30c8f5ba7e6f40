import type { Context, Group } from './context.ts'
import { interleave } from './interleave.ts'
import { MeasuredProcess } from './measured-process.ts'
import { measuredRow, type Section } from './row.ts'

const HEAP_MB = 1024

/** What a large heap of the caller costs: fork copies its page tables, the agent has none of it. */
export const heapGroup: Group = { name: 'heap', title: 'The same from a process with a 1 GiB heap', measure }

async function measure({ quick }: Context): Promise<Section> {
  await using small = await MeasuredProcess.start()
  await using large = await MeasuredProcess.start(HEAP_MB)
  const kinds = [
    { name: 'Node spawn', batch: 4, job: 'spawn' },
    { name: 'box.run', batch: 10, job: 'live' },
    { name: 'fresh Sandbox', batch: 10, job: 'fresh' },
  ]
  const subjects = kinds.flatMap(({ name, batch, job }) => [
    small.subject(`${name}, small heap`, batch, job),
    large.subject(`${name}, 1 GiB heap`, batch, job),
  ])
  const measured = await interleave(subjects, quick ? 4 : 20, quick ? 1 : 3)
  const [smallMib, largeMib] = [await small.ask<number>('rssMib'), await large.ask<number>('rssMib')]
  return {
    rows: kinds.flatMap(({ name }) => [
      measuredRow(measured, `${name}, small heap`, 'ms'),
      measuredRow(measured, `${name}, 1 GiB heap`, 'ms', {
        against: `${name}, small heap`,
        ...(name === 'Node spawn' ? {} : { atMost: 1.25 }),
      }),
    ]),
    notes: [
      ...measured.failures,
      `resident memory of the two: ${smallMib.toFixed(0)} MiB and ${largeMib.toFixed(0)} MiB`,
    ],
  }
}
