import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Group } from './context.ts'
import { MeasuredProcess } from './measured-process.ts'
import { boundedRow, type Section } from './row.ts'
import { ROOT } from './workspace.ts'

/** How small the agent is. */
export const agentSizeGroup: Group = { name: 'agent', title: 'The agent', measure }

async function measure(): Promise<Section> {
  await using node = await MeasuredProcess.start()
  const { rootKib, initKib } = await node.ask<{ rootKib: number; initKib: number }>('memory')
  const binary = statSync(join(ROOT, 'build', `linux-${process.arch}`, 'carrel-agent'))
  return {
    rows: [
      boundedRow('binary', 'KB', binary.size / 1000, 100),
      boundedRow('private memory of an idle root agent', 'KiB', rootKib, 300),
      boundedRow('private memory of an idle PID 1', 'KiB', initKib, 300),
    ],
    notes: ['Private_Clean and Private_Dirty of /proc/PID/smaps_rollup'],
  }
}
