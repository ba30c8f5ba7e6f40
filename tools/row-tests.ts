import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, systemTestFiles, unitTestFiles } from './project-files.ts'
import { FINISHED, idsOf, ROW_RANGES } from './row-ids.ts'
import { rowsOfTitle, titlesOf } from './row-titles.ts'

/** A test that says which rows it shows. */
export interface RowTest {
  readonly title: string
  readonly file: string
  readonly rows: readonly string[]
}

/** The tests of the product that name rows; those of the tools speak about titles. */
export function rowTests(): readonly RowTest[] {
  const files = [...unitTestFiles(), ...systemTestFiles()].filter((file) => !file.startsWith('tools/'))
  return files.flatMap((file) =>
    titlesOf(readFileSync(join(ROOT, file), 'utf8')).map((title) => ({ title, file, rows: rowsOfTitle(title) })),
  )
}

/** What is wrong with the tests of rows, one line each: rows that there are not, finished prefixes with a row that nothing tests. */
export function rowProblems(tests: readonly RowTest[]): readonly string[] {
  const known = new Set(ROW_RANGES.flatMap((range) => idsOf(range)))
  const tested = new Set(tests.flatMap(({ rows }) => rows))
  const unknown = tests.filter(({ rows }) => rows.some((row) => !known.has(row)))
  const finished = ROW_RANGES.filter(({ prefix }) => FINISHED.includes(prefix)).flatMap((range) => idsOf(range))
  return [
    ...unknown.map(({ file, title }) => `${file}: no such row: ${title}`),
    ...finished.filter((row) => !tested.has(row)).map((row) => `${row}: no test has it in its title any more`),
  ]
}
