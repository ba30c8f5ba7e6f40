import type { Lane } from './lanes.ts'
import { findKernel } from './kernel.ts'
import { machineOptions, writeStart } from './lane-machine.ts'
import { Machine } from './machine.ts'

// A session with a controlling terminal, as a person expects of a shell; `reset` of the size, because a serial line has none.
const shellCommand = (rows: number, columns: number): string =>
  `stty -F /dev/ttyS0 rows ${rows} cols ${columns}; TERM=${process.env['TERM'] ?? 'vt100'} setsid -cw bash -l </dev/ttyS0 >/dev/ttyS0 2>&1`

/** Starts the machine of a lane with a shell of root on this terminal; its end turns the machine off. */
export async function openShell(lane: Lane): Promise<void> {
  const { rows, columns } = process.stdout.isTTY ? process.stdout : { rows: 24, columns: 80 }
  console.log(`The machine ${lane.name} starts; "exit" or Ctrl-A x turns it off`)
  const options = { ...machineOptions(lane, findKernel()), interactive: true }
  await using machine = await Machine.start(options, async (out) => {
    writeStart(out, lane, shellCommand(rows, columns))
  })
  await machine.ended
}
