import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, systemTestFiles, unitTestFiles } from './project-files.ts'
import { idsOf, ROW_RANGES } from './row-ids.ts'
import { rowsOfTitle, titlesOf } from './row-titles.ts'

// `npm run rows` prints which rows of the inventory have tests; with --missing also those that have none.
const files = [...unitTestFiles(), ...systemTestFiles()].filter((file) => !file.startsWith('tools/'))
const titles = files.flatMap((file) =>
  titlesOf(readFileSync(join(ROOT, file), 'utf8')).map((title) => ({ title, file, rows: rowsOfTitle(title) })),
)
const known = new Set(ROW_RANGES.flatMap((range) => idsOf(range)))
for (const range of ROW_RANGES) {
  const ids = idsOf(range)
  const tested = ids.filter((id) => titles.some((title) => title.rows.includes(id)))
  console.log(`${range.prefix}: ${tested.length} of ${ids.length} rows have tests`)
  for (const id of tested) {
    for (const title of titles.filter((each) => each.rows.includes(id)))
      console.log(`  ${id}  ${title.file}: ${title.title}`)
  }
  if (process.argv.includes('--missing')) console.log(`  none: ${ids.filter((id) => !tested.includes(id)).join(' ')}`)
}
const unknown = titles.filter((title) => title.rows.some((row) => !known.has(row)))
for (const title of unknown) console.error(`${title.file}: no such row: ${title.title}`)
const rows = new Set(titles.flatMap((title) => title.rows))
console.log(`${rows.size} of ${known.size} rows have tests (${titles.length} titles in ${files.length} test files)`)
process.exitCode = unknown.length > 0 || files.length === 0 ? 1 : 0
