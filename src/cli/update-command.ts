import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { updateSandbox } from '../container/live-sandbox-control.ts'
import { readHostFacts } from '../host/probe.ts'
import { forEachSandbox } from './each-sandbox.ts'
import { report } from './report.ts'
import { type ResourceArguments, updateResources, withUpdateOptions } from './update-arguments.ts'

/** `carrel update`: other limits for live sandboxes; what is not named stays as it is. */
export const updateCommand = withUpdateOptions(new Command('update'))
  .description('change the limits of live sandboxes; "max" lifts one')
  .argument('<sandboxes...>', 'ids, names, or beginnings of ids')
  .action(async (which: string[], given: ResourceArguments) => {
    process.exitCode = await update(which, given).catch(report)
  })

async function update(which: readonly string[], given: ResourceArguments): Promise<number> {
  const resources = updateResources(given, (path) => readFileSync(path === '-' ? 0 : path))
  const { cgroups } = readHostFacts()
  return forEachSandbox(which, (agent, sandbox) => updateSandbox(agent, sandbox, resources, cgroups))
}
