import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { GeneratedFile } from './generated-file.ts'
import type { Gate, Outcome } from './gate.ts'
import { GENERATORS } from './generators.ts'
import { isGenerated, projectFiles, ROOT } from './project-files.ts'

/** Generated files are as their generators would write them, and every file in a folder "generated" has a generator. */
export const generatedGate: Gate = { name: 'generated', run: () => checkGenerated(GENERATORS) }

/** Compares the generated files with what their generators render now. */
export function checkGenerated(generators: readonly GeneratedFile[]): Outcome {
  const stale = generators.filter((file) => readIfThere(file.path) !== file.render())
  return {
    counts: { 'generated files': generators.length },
    problems: [
      ...stale.map((file) => `${file.path} is not what its tables say. Run: npm run generate`),
      ...orphansOf(generators).map(
        (path) => `${path}: no generator in tools/generators.ts writes it. Run: npm run generate, or add the generator`,
      ),
    ],
  }
}

/** Files among generated ones that no generator writes any more. */
function orphansOf(generators: readonly GeneratedFile[]): readonly string[] {
  const known = new Set(generators.map((file) => file.path))
  return projectFiles().filter((path) => isGenerated(path) && !known.has(path) && !path.endsWith('README.md'))
}

/** Writes the generated files that are not up to date, and removes those that have no generator any more. */
export function writeGenerated(generators: readonly GeneratedFile[]): void {
  for (const file of generators) {
    const text = file.render()
    if (readIfThere(file.path) === text) continue
    mkdirSync(dirname(join(ROOT, file.path)), { recursive: true })
    writeFileSync(join(ROOT, file.path), text)
    console.log(`wrote ${file.path}`)
  }
  for (const path of orphansOf(generators)) {
    rmSync(join(ROOT, path))
    console.log(`removed ${path}`)
  }
  console.log(`${generators.length} generated files are up to date`)
}

function readIfThere(path: string): string | undefined {
  const full = join(ROOT, path)
  return existsSync(full) ? readFileSync(full, 'utf8') : undefined
}
