import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { readHostFacts } from '../host/probe.ts'
import { explainPlan } from '../plan/explain.ts'
import { planCommand, planSandbox } from '../plan/plan-sandbox.ts'
import { parseOptions } from '../sandbox/parse-options.ts'
import { report } from './report.ts'
import { type SandboxArguments, toSandboxOptions, withSandboxOptions } from './sandbox-arguments.ts'

/** `carrel explain`: what `carrel run` would do with the same arguments, as system calls, and why each of them is there. */
export const explainCommand = withSandboxOptions(new Command('explain'))
  .description('print the system calls that run would make, process by process, with the reason of each')
  .argument('<command...>', 'the command and its arguments, after --')
  .passThroughOptions()
  .action((words: string[], given: SandboxArguments) => {
    try {
      process.stdout.write(`${explain(words, given)}\n`)
    } catch (error) {
      process.exitCode = report(error)
    }
  })

function explain([path = '', ...args]: readonly string[], given: SandboxArguments): string {
  const settings = parseOptions(toSandboxOptions(given, (file) => readFileSync(file)))
  const plan = planSandbox(settings, readHostFacts())
  const command = planCommand(plan, {
    path,
    argv: [path, ...args],
    env: settings.env,
    workdir: settings.workdir,
    rlimits: plan.rlimits,
  })
  return explainPlan(plan, command)
}
