import { binOf, runCommand } from './command.ts'
import type { Gate, Outcome } from './gate.ts'
import { ROOT } from './project-files.ts'

/** The TypeScript compiler over src, test, tools, bench and examples. */
export const typesGate: Gate = { name: 'types', run }

async function run(): Promise<Outcome> {
  const tsc = await runCommand(binOf('tsc'), ['--noEmit', '--pretty', 'false', '--listFiles', '-p', 'tsconfig.json'])
  const lines = tsc.output.split('\n')
  const own = lines.filter((line) => line.startsWith(`${ROOT}/`) && !line.includes('/node_modules/'))
  const reported = lines.filter((line) => !line.startsWith('/')).join('\n')
  return { counts: { files: own.length }, problems: tsc.code === 0 ? [] : [reported || tsc.output] }
}
