import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { readableRepository, REPOSITORY } from './repository.ts'

/** A user that owns nothing. */
export const ORDINARY_USER = 12_345

export interface ScriptOptions {
  readonly args?: readonly string[]
  /** Runs it as ORDINARY_USER, without any group; needs root */
  readonly ordinary?: boolean
  readonly env?: Readonly<Record<string, string>>
}

/** A Node program that a test has started: `node --import tsx FILE`. */
export interface Script {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  /** First line that it prints; rejects with its stderr when it ends before */
  readonly line: Promise<string>
  /** Everything, once it has ended */
  readonly ended: Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>
}

/** Starts a TypeScript file, a path relative to the repository, in a Node of its own. */
export function startScript(file: string, options: ScriptOptions = {}): Script {
  const root = options.ordinary ? readableRepository() : REPOSITORY
  const child = spawn(process.execPath, ['--import', 'tsx', join(root, file), ...(options.args ?? [])], {
    cwd: root,
    // Without NODE_TEST_CONTEXT: a test file that is run as a script reports for itself.
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.ordinary ? { uid: ORDINARY_USER, gid: ORDINARY_USER } : {}),
  })
  const stderr = text(child.stderr)
  const stdout = text(child.stdout)
  const ended = Promise.all([once(child, 'exit'), stdout, stderr]).then(([[code, signal], out, errors]) => ({
    code: code as number | null,
    signal: signal as string | null,
    stdout: out,
    stderr: errors,
  }))
  const line = firstLine(child.stdout, ended)
  line.catch(() => {})
  return { child, line, ended }
}

function firstLine(stdout: Readable, ended: Script['ended']): Promise<string> {
  return new Promise((resolve, reject) => {
    let sofar = ''
    stdout.on('data', (chunk: Buffer) => {
      sofar += chunk.toString()
      const end = sofar.indexOf('\n')
      if (end >= 0) resolve(sofar.slice(0, end))
    })
    void ended.then(({ code, signal, stderr }) => reject(new Error(`Script ended with ${code ?? signal}: ${stderr}`)))
  })
}
