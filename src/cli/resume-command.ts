import { Command } from 'commander'
import { resumeSandbox } from '../container/live-sandbox-control.ts'
import { forEachSandbox } from './each-sandbox.ts'
import { report } from './report.ts'

/** `carrel resume`: what was paused goes on. */
export const resumeCommand = new Command('resume')
  .description('let paused sandboxes go on; one that runs already runs on')
  .argument('<sandboxes...>', 'ids, names, or beginnings of ids')
  .action(async (which: string[]) => {
    process.exitCode = await forEachSandbox(which, resumeSandbox).catch(report)
  })
