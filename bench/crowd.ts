import type { Context, Group } from './context.ts'
import { MeasuredProcess } from './measured-process.ts'
import { type Row, type Section } from './row.ts'
import { summarize } from './samples.ts'

interface Crowd {
  readonly createdMs: number
  readonly startedMs: number
  readonly nodeMib: number
  readonly agentsMib: number
  readonly beside: readonly number[]
  readonly closedMs: number
  readonly left: readonly string[]
}

/** Many sandboxes at once. */
export const crowdGroup: Group = { name: 'crowd', title: '200 sandboxes at once, `sleep` in each', measure }

const COUNT = 200

async function measure({ quick }: Context): Promise<Section> {
  await using node = await MeasuredProcess.start()
  const alone = summarize(await node.ask<number[]>('fresh', quick ? 20 : 60))
  const crowd = await node.ask<Crowd>('crowd', COUNT)
  const besides = summarize(crowd.beside)
  const rows: Row[] = [
    { what: 'until all are made', unit: 'ms', value: crowd.createdMs },
    { what: 'until all commands run', unit: 'ms', value: crowd.startedMs },
    { what: 'per sandbox', unit: 'ms', value: crowd.startedMs / COUNT },
    { what: 'memory that Node grew by', unit: 'MiB', value: crowd.nodeMib },
    { what: 'private memory of all PID 1', unit: 'MiB', value: crowd.agentsMib },
    { what: 'fresh Sandbox, none beside it', unit: 'ms', value: alone },
    {
      what: 'fresh Sandbox, 200 beside it',
      unit: 'ms',
      value: besides,
      ratio: { to: 'none beside it', value: besides.p50 / alone.p50 },
    },
    { what: 'until all are closed', unit: 'ms', value: crowd.closedMs },
    {
      what: 'things left behind',
      unit: '',
      value: crowd.left.length,
      goal: { wanted: '0', met: crowd.left.length === 0 },
    },
  ]
  return { rows, notes: crowd.left.map((thing) => `left behind: ${thing}`) }
}
