import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { basename, join } from 'node:path'
import { REPOSITORY } from './repository.ts'

/** Path of the static executable made from a C file, a path relative to the repository; compiled once for each text. */
export function cProgram(source: string): string {
  const file = join(REPOSITORY, source)
  const hash = createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 12)
  const folder = join(REPOSITORY, 'build/test-programs')
  const built = join(folder, `${basename(source, '.c')}-${hash}`)
  if (existsSync(built)) return built
  mkdirSync(folder, { recursive: true })
  const fresh = `${built}.${process.pid}`
  execFileSync('gcc', ['-static', '-O1', '-Wall', '-Wextra', '-Werror', '-o', fresh, file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  renameSync(fresh, built)
  return built
}
