import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Gate, Outcome } from './gate.ts'
import { isGenerated, projectFiles, ROOT } from './project-files.ts'

const MAX_LINES = 400

// Tables grow with the kernel; cutting them up would hide a missing row.
const TABLE_FOLDERS = ['src/linux/tables/']

// Drawers: a name that says nothing about its content collects content that belongs elsewhere.
const DRAWERS = /^(?:utils?|helpers?|common|misc|manager|service|shared)(?:[.-]|$)/

const HAND_WRITTEN = /\.(?:ts|mjs|c|h)$/

/** Problems of one hand-written file: too long, a name that says nothing, or not kebab-case. */
export function judgeFile(path: string, lines: number): readonly string[] {
  const name = basename(path)
  const problems: string[] = []
  if (lines > MAX_LINES && !TABLE_FOLDERS.some((folder) => path.startsWith(folder))) {
    problems.push(`${path}: ${lines} lines, at most ${MAX_LINES}; split it by what it is about`)
  }
  if (DRAWERS.test(name)) problems.push(`${path}: name it after its main export, not "${name}"`)
  if (/\.(?:ts|mjs)$/.test(name) && !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test|\.d)?\.(?:ts|mjs)$/.test(name)) {
    problems.push(`${path}: file names are kebab-case`)
  }
  return problems
}

/** Size and name of hand-written files. */
export const filesGate: Gate = { name: 'files', run }

function run(): Outcome {
  const paths = projectFiles().filter((path) => HAND_WRITTEN.test(path) && !isGenerated(path))
  const problems = paths.flatMap((path) => judgeFile(path, countLines(readFileSync(join(ROOT, path), 'utf8'))))
  return { counts: { 'hand-written files': paths.length }, problems }
}

function countLines(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
}
