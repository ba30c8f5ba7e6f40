import { Command } from 'commander'
import { pauseSandbox } from '../container/live-sandbox-control.ts'
import { forEachSandbox } from './each-sandbox.ts'
import { report } from './report.ts'

/** `carrel pause`: everything in a sandbox stands still, and keeps its memory. */
export const pauseCommand = new Command('pause')
  .description('stop everything in sandboxes, until resume; one that stands still already stays so')
  .argument('<sandboxes...>', 'ids, names, or beginnings of ids')
  .action(async (which: string[]) => {
    process.exitCode = await forEachSandbox(which, pauseSandbox).catch(report)
  })
