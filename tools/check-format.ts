import { binOf, runCommand } from './command.ts'
import { cFiles } from './check-c-style.ts'
import type { Gate, Outcome } from './gate.ts'
import { isGenerated, projectFiles } from './project-files.ts'

// Versions of clang-format disagree; this is the one of Debian 12, which CI has.
const CLANG_FORMAT_MAJOR = '14'

/** Format of all files: prettier for TypeScript, JSON and Markdown, clang-format for C. */
export const formatGate: Gate = { name: 'format', run }

async function run(): Promise<Outcome> {
  const paths = projectFiles().filter(
    (path) => /\.(?:ts|mjs|json|md|yml)$/.test(path) && !isGenerated(path) && path !== 'package-lock.json',
  )
  const cache = ['--cache', '--cache-strategy', 'content', '--cache-location', 'build/prettier-cache']
  const prettier = await runCommand(binOf('prettier'), ['--list-different', ...cache, ...paths])
  const problems = prettier.code === 0 ? [] : [`${prettier.output}Run: npm run format`]
  const c = await checkC()
  return {
    counts: { 'files by prettier': paths.length, ...c.counts },
    problems: [...problems, ...c.problems],
    notes: c.notes ?? [],
  }
}

async function checkC(): Promise<Outcome> {
  const version = await runCommand('clang-format', ['--version'])
  const major = /version (\d+)\./.exec(version.output)?.[1]
  if (major !== CLANG_FORMAT_MAJOR) {
    const found = major === undefined ? 'is not installed' : `has version ${major}, not ${CLANG_FORMAT_MAJOR}`
    const text = `C files are not checked: clang-format ${found} (Debian 12: apt-get install -y clang-format)`
    return process.env['CI'] ? { counts: {}, problems: [text] } : { counts: {}, problems: [], notes: [text] }
  }
  const paths = cFiles()
  const result = await runCommand('clang-format', ['--dry-run', '--Werror', ...paths])
  const problems = result.code === 0 ? [] : [`${result.output}Run: npm run format`]
  return { counts: { 'C files by clang-format': paths.length }, problems }
}
