import {
  spawn,
  spawnSync,
  type ChildProcess,
  type SpawnOptions,
  type SpawnSyncOptions,
  type SpawnSyncReturns,
} from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

const ROOT = dirname(dirname(import.meta.dirname))

/** The built command, as users start it. */
export const CARREL = join(ROOT, 'dist/cli/main.js')
if (!existsSync(CARREL)) throw new Error('dist/cli/main.js is missing: run npm run build')

/** Runs `carrel` with these words and waits for it. */
export function carrel(words: readonly string[], options: SpawnSyncOptions = {}): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [CARREL, ...words], {
    ...{ timeout: 60_000, killSignal: 'SIGKILL', maxBuffer: 2 ** 26, input: '' },
    ...options,
    encoding: 'utf8',
  })
}

/** `carrel run` with options before `--` left out. */
export const run = (command: readonly string[], options?: SpawnSyncOptions): SpawnSyncReturns<string> =>
  carrel(['run', '--', ...command], options)

/** A shell script that may use `$CARREL`. */
export function shell(script: string, options: SpawnSyncOptions = {}): SpawnSyncReturns<string> {
  const env = { ...process.env, CARREL: `${process.execPath} ${CARREL}` }
  return spawnSync('bash', ['-c', script], {
    timeout: 120_000,
    killSignal: 'SIGKILL',
    env,
    ...options,
    encoding: 'utf8',
  })
}

/** Starts `carrel` and leaves its streams to the caller. */
export const start = (words: readonly string[], options: SpawnOptions = {}): ChildProcess =>
  spawn(process.execPath, [CARREL, ...words], options)
