import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { ROOT } from '../project-files.ts'
import { COLUMNS, compareLimits, renderLimits } from './limits-page.ts'
import type { LanesRun } from './run-lanes.ts'

const PAGE = join(ROOT, 'docs/limits.md')

/** Holds the committed page against a run of all machines; a verdict that differs is a problem. */
export function checkLimits({ effects }: LanesRun): readonly string[] {
  const problems = existsSync(PAGE) ? compareLimits(readFileSync(PAGE, 'utf8'), effects) : ['docs/limits.md is missing']
  return problems.length === 0 ? [] : [...problems, 'If that is as it should be: npm run test:vm -- --write']
}

/** Writes the page anew; only from a run in which every column was measured. */
export async function writeLimits({ effects, kernel }: LanesRun): Promise<void> {
  const missing = COLUMNS.filter(([stage]) => (effects.get(stage) ?? []).length === 0).map(([, title]) => title)
  if (missing.length > 0)
    throw new Error(`docs/limits.md is not written: nothing was measured on ${missing.join('; ')}`)
  const config = await resolveConfig(PAGE)
  writeFileSync(PAGE, await format(renderLimits(effects, kernel), { ...config, parser: 'markdown' }))
}
