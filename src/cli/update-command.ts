import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { updateSandbox } from '../container/live-sandbox-control.ts'
import { readHostFacts } from '../host/probe.ts'
import { forEachSandbox } from './each-sandbox.ts'
import { report } from './report.ts'
import { type UpdateArguments, updateResources } from './update-arguments.ts'

/** `carrel update`: other limits for live sandboxes; what is not named stays as it is. */
export const updateCommand = new Command('update')
  .description('change the limits of live sandboxes; "max" lifts one')
  .argument('<sandboxes...>', 'ids, names, or beginnings of ids')
  .option('--memory <size>', 'memory of everything in it together, 256M')
  .option('--memory-swap <size>', 'memory and swap together; as much as --memory: no swap')
  .option('--pids <number>', 'processes and threads at once')
  .option('--cpus <number>', "CPUs' worth of time, 0.5 is half of one")
  .option('--cpu-weight <number>', 'share of contended CPUs, 1 to 10000, where 100 is what others have')
  .option('--cpuset <list>', 'CPUs that may be used, 0-3,8')
  .option('--resources <file>', 'JSON as linux.resources of the OCI runtime specification; - is stdin')
  .action(async (which: string[], given: UpdateArguments) => {
    process.exitCode = await update(which, given).catch(report)
  })

async function update(which: readonly string[], given: UpdateArguments): Promise<number> {
  const resources = updateResources(given, (path) => readFileSync(path === '-' ? 0 : path, 'utf8'))
  const { cgroups } = readHostFacts()
  return forEachSandbox(which, (agent, sandbox) => updateSandbox(agent, sandbox, resources, cgroups))
}
