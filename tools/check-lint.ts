import { binOf, runCommand } from './command.ts'
import type { Gate, Outcome } from './gate.ts'

/** oxlint with the rules that need types; warnings are errors. */
export const lintGate: Gate = { name: 'lint', run }

async function run(): Promise<Outcome> {
  const lint = await runCommand(binOf('oxlint'), ['--type-aware', '--deny-warnings'])
  const summary = /on (\d+) files? with (\d+) rules/.exec(lint.output)
  const counts = { files: Number(summary?.[1] ?? 0), rules: Number(summary?.[2] ?? 0) }
  return { counts, problems: lint.code === 0 ? [] : [lint.output] }
}
