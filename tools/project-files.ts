import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Root folder of the repository; all tools work with paths relative to it. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

const SKIPPED = new Set(['node_modules', 'dist', 'build', '.git'])

/** Files of the repository below `folder` (all of it by default), relative to the root, sorted; built ones are left out. */
export function projectFiles(folder = ''): readonly string[] {
  const at = join(ROOT, folder)
  if (!existsSync(at)) return []
  const found: string[] = []
  for (const entry of readdirSync(at, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && !SKIPPED.has(entry.name)) found.push(...projectFiles(path))
    else if (entry.isFile()) found.push(path)
  }
  return found.sort()
}

/** Is the file written by `npm run generate`? Pages of the reference are, and all that `share/` holds for shells and man(1). */
export function isGenerated(path: string): boolean {
  return path.split('/').includes('generated') || /^(?:docs\/reference|share)\//.test(path)
}

/** Files with unit tests, which need no privileges, no agent and no other program. */
export function unitTestFiles(): readonly string[] {
  const files = [...projectFiles('src'), ...projectFiles('tools'), ...projectFiles('test/golden')]
  return files.filter((path) => path.endsWith('.test.ts'))
}

/** Files with tests that start real processes on this host; those of test/vm need a machine of their own (tools/vm). */
export function systemTestFiles(): readonly string[] {
  const elsewhere = ['test/golden/', 'test/vm/']
  return projectFiles('test').filter(
    (path) => path.endsWith('.test.ts') && !elsewhere.some((folder) => path.startsWith(folder)),
  )
}
