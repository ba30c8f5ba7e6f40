import { cpSync, chmodSync, mkdtempSync, rmSync, statSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const REPOSITORY = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

const NEEDED = [
  'package.json',
  'tsconfig.json',
  'src',
  'test',
  'build',
  'node_modules/tsx',
  'node_modules/esbuild',
  'node_modules/@esbuild',
]

let copy: string | undefined

/** A folder with the sources, the built binaries and tsx that any user may read: the repository, or a copy that lives as long as this process. */
export function readableRepository(): string {
  if (anybodyMayRead(REPOSITORY)) return REPOSITORY
  copy ??= copied()
  return copy
}

function anybodyMayRead(path: string): boolean {
  if ((statSync(path).mode & 0o5) !== 0o5) return false
  return path === '/' || anybodyMayRead(dirname(path))
}

function copied(): string {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-readable-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  chmodSync(folder, 0o755)
  mkdirSync(join(folder, 'node_modules'))
  for (const path of NEEDED) cpSync(join(REPOSITORY, path), join(folder, path), { recursive: true, dereference: true })
  return folder
}
