import { Command } from 'commander'
import type { PsArguments } from './ps.ts'
import { report } from './report.ts'

/** `carrel ps`: this user's sandboxes, whichever process made them. */
export const psCommand = new Command('ps')
  .description('list the sandboxes of this user')
  .option('--json', 'print one JSON object: sandboxes, and files that are no records of any')
  .option('-q, --quiet', 'print ids alone')
  .action(async (given: PsArguments) => {
    try {
      // Loaded when it is wanted: what draws tables takes longer to load than a sandbox to start.
      const { ps } = await import('./ps.ts')
      await ps(given)
    } catch (error) {
      process.exitCode = report(error)
    }
  })
