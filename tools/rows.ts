import { idsOf, ROW_RANGES } from './row-ids.ts'
import { rowProblems, rowTests } from './row-tests.ts'

// `npm run rows` prints the rows of the inventory with their tests; with --missing also those that have none. It fails for a row that
// there is not, and for one without a test where all had one already.
const tests = rowTests()
for (const range of ROW_RANGES) {
  const ids = idsOf(range)
  const tested = ids.filter((id) => tests.some(({ rows }) => rows.includes(id)))
  console.log(`${range.prefix}: ${tested.length} of ${ids.length} rows have tests`)
  for (const id of tested) {
    for (const { file, title } of tests.filter(({ rows }) => rows.includes(id)))
      console.log(`  ${id}  ${file}: ${title}`)
  }
  if (process.argv.includes('--missing')) console.log(`  none: ${ids.filter((id) => !tested.includes(id)).join(' ')}`)
}
const problems = rowProblems(tests)
for (const problem of problems) console.error(problem)
console.log(`${new Set(tests.flatMap(({ rows }) => rows)).size} rows have tests (${tests.length} titles)`)
process.exitCode = problems.length > 0 ? 1 : 0
