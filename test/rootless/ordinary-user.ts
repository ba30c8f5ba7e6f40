import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { openFolder } from '../sandbox/build.ts'

/** Nobody's id on usual machines: no name, no home, no ranges in /etc/subuid. */
export const USER = 12_345

const ROOT = dirname(dirname(import.meta.dirname))

/** The built package in a folder that everybody may read: a checkout may lie in a private one. */
export function installForEverybody(): string {
  const folder = openFolder('rootless')
  for (const part of ['dist', 'build', 'package.json', 'node_modules/commander']) {
    cpSync(join(ROOT, part), join(folder, part), { recursive: true, filter: (path) => !path.includes('build/stamps') })
  }
  return folder
}

export interface RunAsUser {
  readonly folder: string
  /** Lines for the user in /etc/subuid and /etc/subgid, seen by these processes alone */
  readonly ranges?: string
  readonly input?: string
}

/** Runs `carrel` as the ordinary user, without groups. */
export const carrelAsUser = (words: readonly string[], how: RunAsUser): SpawnSyncReturns<string> =>
  asUser([process.execPath, join(how.folder, 'dist/cli/main.js'), ...words], how)

/** Runs a program as the ordinary user; with ranges, in a mount namespace that has them in place of the host's files. */
export function asUser(
  command: readonly string[],
  { folder, ranges, input = '' }: RunAsUser,
): SpawnSyncReturns<string> {
  const drop = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', ...command]
  const [file = '', ...words] = ranges === undefined ? drop : withRanges(folder, ranges, drop)
  return spawnSync(file, words, {
    encoding: 'utf8',
    input,
    timeout: 60_000,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 26,
    cwd: '/',
  })
}

function withRanges(folder: string, ranges: string, command: readonly string[]): string[] {
  const files = {
    subuid: ranges,
    subgid: ranges,
    passwd: `${readFileSync('/etc/passwd', 'utf8')}carreltest:x:${USER}:${USER}::/:/bin/sh\n`,
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  // newuidmap(1) looks the user's name up before it reads the ranges.
  const script = `for f in ${Object.keys(files).join(' ')}; do mount --bind ${folder}/$f /etc/$f || exit 98; done; exec "$@"`
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', ...command]
}
