import { Command } from 'commander'
import type { Answer } from '../host/facts.ts'
import { readHostFacts } from '../host/probe.ts'
import { Sandbox } from '../sandbox/sandbox.ts'
import { doctorJson, renderDoctor, type Trial } from './doctor.ts'

/** `carrel doctor`: what this host can do, tried for real, what is missing, and how to get it. */
export const doctorCommand = new Command('doctor')
  .description('what this host can do, what is missing, and how to enable it')
  .option('--json', 'print one JSON object')
  .action(async ({ json }: { json?: boolean }) => {
    const facts = readHostFacts()
    const trials = [await tryFor('a default sandbox runs a command', runTrue)]
    process.stdout.write(
      json
        ? `${JSON.stringify(doctorJson(facts, trials), null, 2)}\n`
        : renderDoctor(facts, { color: process.stdout.isTTY, trials }),
    )
    if (trials.some(({ answer }) => !answer.ok)) process.exitCode = 1
  })

async function runTrue(): Promise<void> {
  await using box = await Sandbox.create()
  await box.run('true', [], { throwOnError: true, timeoutMs: 10_000 })
}

async function tryFor(name: string, trial: () => Promise<void>): Promise<Trial> {
  const answer = await trial().then(
    (): Answer => ({ ok: true }),
    (error: unknown): Answer => ({ ok: false, reason: String(error), remedy: 'see the lines above' }),
  )
  return { name, answer }
}
