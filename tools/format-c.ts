import { runCommand } from './command.ts'
import { cFiles } from './check-c-style.ts'

const result = await runCommand('clang-format', ['-i', ...cFiles()])
if (result.code !== 0) console.error(`${result.output}Cannot format C: apt-get install -y clang-format`)
process.exitCode = result.code
