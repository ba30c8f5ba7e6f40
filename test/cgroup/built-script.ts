import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { PassThrough } from 'node:stream'
import { REPOSITORY } from '../support/repository.ts'

/** A program that a test has started: plain JavaScript that uses the built package, because it begins many times faster. */
export interface BuiltScript {
  readonly pid: number
  /** First line that it prints, empty when it prints none */
  readonly line: Promise<string>
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string }>
  kill(): void
}

export function startBuilt(file: string, ...args: readonly string[]): BuiltScript {
  const child = spawn(process.execPath, [join(REPOSITORY, 'test/cgroup', file), ...args], {
    cwd: REPOSITORY,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [lines, whole] = [child.stdout.pipe(new PassThrough()), child.stdout.pipe(new PassThrough())]
  const stdout = text(whole)
  const ended = once(child, 'exit').then(async ([code]) => ({ code: code as number | null, stdout: await stdout }))
  const reader = createInterface(lines)
  const line = Promise.race([once(reader, 'line'), once(reader, 'close')]).then(([first]) => String(first ?? ''))
  return { pid: child.pid ?? 0, line, ended, kill: () => void child.kill('SIGKILL') }
}
