import type { Row, Section } from './row.ts'
import type { Summary } from './samples.ts'

const HEADINGS = ['what', 'unit', 'p50', 'p10', 'p95', 'n', 'ratio', 'goal'] as const

/** A section as a Markdown table with its notes below, aligned so that a terminal shows it too. */
export function renderSection(title: string, section: Section): string {
  const lines = [[...HEADINGS], ...section.rows.map(cells)]
  const widths = HEADINGS.map((_, column) => Math.max(3, ...lines.map((line) => line[column]?.length ?? 0)))
  const render = (line: readonly string[]) => `| ${line.map((cell, column) => pad(cell, column, widths)).join(' | ')} |`
  const [head = [], ...body] = lines
  const rule = `| ${widths.map((width, column) => (isNumber(column) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`
  const table = [render(head), rule, ...body.map(render)].join('\n')
  const notes = (section.notes ?? []).map((note) => `- ${note}`).join('\n')
  return [`## ${title}`, ...(section.rows.length > 0 ? [table] : []), ...(notes ? [notes] : [])].join('\n\n')
}

const isNumber = (column: number): boolean => column >= 2 && column <= 5

function pad(cell: string, column: number, widths: readonly number[]): string {
  const width = widths[column] ?? 0
  return isNumber(column) ? cell.padStart(width) : cell.padEnd(width)
}

function cells({ what, unit, value, ratio, goal }: Row): string[] {
  const numbers = typeof value === 'number' ? [short(value), '', '', ''] : summaryCells(value)
  const compared = ratio && Number.isFinite(ratio.value) ? `${ratio.value.toFixed(2)}x ${ratio.to}` : ''
  return [what, unit, ...numbers, compared, goal ? `${goal.met ? 'ok' : 'MISSED'}: ${goal.wanted}` : '']
}

const summaryCells = ({ p50, p10, p95, count }: Summary): string[] => [
  short(p50),
  short(p10),
  short(p95),
  String(count),
]

/** Three digits that matter. */
function short(value: number): string {
  if (!Number.isFinite(value)) return '-'
  if (value >= 100 || Number.isInteger(value)) return value.toFixed(0)
  return value.toFixed(value >= 10 ? 1 : 2)
}
