import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { InvalidInputError } from '../base/errors.ts'
import { readHostFacts } from '../host/probe.ts'
import { nodeKernel } from '../kernel/node.ts'
import { explainBundle } from '../oci/lifecycle/explain-bundle.ts'
import { explainPlan, explainProgram } from '../plan/explain.ts'
import { planCommand, planSandbox } from '../plan/plan-sandbox.ts'
import { parseOptions } from '../sandbox/parse-options.ts'
import { report } from './report.ts'
import { type SandboxArguments, toSandboxOptions, withSandboxOptions } from './sandbox-arguments.ts'

/** `carrel explain`: what `carrel run` would do with the same arguments, as system calls, and why each of them is there. */
export const explainCommand = withSandboxOptions(new Command('explain'))
  .description('print the system calls that run would make, process by process, with the reason of each')
  .argument('[command...]', 'the command and its arguments, after --')
  .option('--bundle <dir>', 'explain what carrel-oci create does with an OCI bundle instead')
  .passThroughOptions()
  .action(async (words: string[], { bundle, ...given }: SandboxArguments & { bundle?: string }) => {
    try {
      const programs = bundle === undefined ? explain(words, given) : await explainOci(bundle)
      process.stdout.write(`${HOW_TO_READ}\n\n${programs}\n`)
    } catch (error) {
      process.exitCode = report(error)
    }
  })

const HOW_TO_READ = `# Each == is a program: system calls that one process makes in one go, as strace prints them; "man 2 NAME" tells about each.
# [users] says what calls are for, # why. "= r5" names a result, and r5 is where a later call uses it ("<r5>" as text, with NULs
# up to the length given). attached0 is a descriptor that comes with the program; "…" is for the kernel to fill in. "or ENOENT"
# is an error that may happen: what needs the result is left out then, and the next call follows.
# An agent is carrel's own process that makes the calls; the root agent stays on the host, outside of all containers.`

async function explainOci(bundle: string): Promise<string> {
  const programs = await explainBundle(nodeKernel(), bundle)
  return programs.map(({ title, program }) => explainProgram(title, program)).join('\n\n')
}

function explain([path, ...args]: readonly string[], given: SandboxArguments): string {
  if (path === undefined) {
    throw new InvalidInputError('A command is missing: give its words after --, or --bundle DIR', { field: 'command' })
  }
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
