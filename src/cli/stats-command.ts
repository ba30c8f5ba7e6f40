import { Command, Option } from 'commander'
import { report } from './report.ts'
import { ORDERS } from './stats-rows.ts'
import type { StatsArguments } from './stats.ts'
import { withAgent } from './with-agent.ts'

/** `carrel stats`: what sandboxes use, once or again and again. */
export const statsCommand = new Command('stats')
  .description(
    'what sandboxes use: CPU, memory against its limit, processes, input and output, kills for want of memory',
  )
  .argument('[sandboxes...]', 'ids, names, or beginnings of ids (default: all)')
  .option('-w, --watch', 'again and again: a live view in a terminal, else a block for each interval')
  .option('--interval <duration>', 'time between two readings', '1s')
  .option('--json', 'print one JSON object, with --watch one line for each interval')
  .option('--no-rates', 'one reading, at once: nothing that takes two, as CPU in per cent')
  .addOption(new Option('--sort <order>', 'the largest first').choices(Object.keys(ORDERS)).default('cpu'))
  .action(async (which: string[], given: StatsArguments) => {
    try {
      // Loaded when it is wanted: what draws tables takes longer to load than a sandbox to start.
      const { stats } = await import('./stats.ts')
      process.exitCode = await withAgent((agent) => stats(agent, which, given))
    } catch (error) {
      process.exitCode = report(error)
    }
  })
