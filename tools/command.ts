import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from './project-files.ts'

/** How a command ended, and all that it printed. */
export interface CommandResult {
  /** Exit code; 127 if it could not be started, 128 if a signal ended it */
  readonly code: number
  /** stdout and stderr, in the order of arrival */
  readonly output: string
}

/** Runs a command in the root folder and collects its output. */
export function runCommand(file: string, args: readonly string[]): Promise<CommandResult> {
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' }
    const child = spawn(file, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const collect = (chunk: string): void => void (output += chunk)
    child.stdout.setEncoding('utf8').on('data', collect)
    child.stderr.setEncoding('utf8').on('data', collect)
    child.on('error', (error) => resolve({ code: 127, output: `${file}: ${error.message}` }))
    child.on('close', (code) => resolve({ code: code ?? 128, output }))
  })
}

/** Path of a command that a development dependency brings. */
export function binOf(name: string): string {
  return join(ROOT, 'node_modules', '.bin', name)
}
