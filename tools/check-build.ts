import { runCommand } from './command.ts'
import type { Gate, Outcome } from './gate.ts'

/** The build: C with all warnings as errors and the asserts on the kernel's headers, then dist/. */
export const buildGate: Gate = { name: 'build', run }

async function run(): Promise<Outcome> {
  const build = await runCommand(process.execPath, ['tools/build.mjs'])
  const parts = /^(\d+) parts are up to date/m.exec(build.output)?.[1]
  return { counts: { parts: Number(parts ?? 0) }, problems: build.code === 0 ? [] : [build.output] }
}
