import { scanSource } from './scan-source.ts'

const ROW = String.raw`(?:D-)?[A-Z]\d\d`
const LEADING_ROWS = new RegExp(String.raw`^(${ROW}(?:\s*,\s*${ROW})*)(?=[\s:,])`)

/** Rows at the start of a test title: `A31 kills …` or `D-A01, X11: late answers …`. */
export function rowsOfTitle(title: string): readonly string[] {
  const rows = LEADING_ROWS.exec(title)?.[1]
  return rows === undefined ? [] : rows.split(',').map((row) => row.trim())
}

/** Titles of tests: the first argument of every call, if it is a text that starts with a row. */
export function titlesOf(text: string): readonly string[] {
  const { codeOnly, withoutComments } = scanSource(text)
  const calls = [...codeOnly.matchAll(/[\w)]\s*\(\s*(['"`])/g)]
  const titles = calls.map((call) => {
    const start = call.index + call[0].length
    return withoutComments.slice(start, codeOnly.indexOf(call[1] ?? '', start))
  })
  return titles.filter((title) => rowsOfTitle(title).length > 0)
}
