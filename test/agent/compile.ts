import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const sources = (folder: string): readonly string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.c'))
    .map((name) => join(ROOT, folder, name))

function compile(args: readonly string[]): void {
  const result = spawnSync(process.env['CC'] ?? 'cc', args, { encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`cc failed: ${result.stderr}`)
}

/** A folder that is removed at the end of this process. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-agent-test-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Compiles the agent's own files with the kernel of agent/test/ and `main`, for ordinary user space. */
export function compileHosted(main: string, extra: readonly string[]): string {
  const output = join(temporaryFolder(), main)
  const files = [...sources('agent'), join(ROOT, 'agent/test/kernel.c'), join(ROOT, `agent/test/${main}.c`)]
  compile(['-std=gnu11', '-DAGENT_HOSTED', '-Wall', '-Wextra', '-Werror', ...extra, '-o', output, ...files])
  return output
}

/** The agent itself, with the flags that every builder uses. */
export function compileAgent(): string {
  const output = join(temporaryFolder(), 'carrel-agent')
  const flags = readFileSync(join(ROOT, 'agent/flags.txt'), 'utf8').trim().split(' ')
  compile([...flags, '-o', output, ...sources('agent')])
  return output
}

/** The addon. */
export function compileAddon(): string {
  const output = join(temporaryFolder(), 'carrel.node')
  const headers = join(ROOT, 'node_modules/node-api-headers/include')
  const flags = ['-std=c11', '-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden']
  compile([...flags, '-isystem', headers, '-o', output, ...sources('addon')])
  return output
}
