import type { Answer, HostFacts } from '../host/facts.ts'
import type { DoctorRow } from './doctor-row.ts'
import { doctorRows } from './doctor-rows.ts'

/** Something that was tried for real, with what came out. */
export interface Trial {
  readonly name: string
  readonly answer: Answer
}

export interface DoctorOptions {
  readonly color: boolean
  readonly trials?: readonly Trial[]
}

/** What `carrel doctor --json` prints. */
export interface DoctorReport {
  /** Whether sandboxes can be made here at all */
  readonly ok: boolean
  readonly summary: string
  readonly rows: readonly DoctorRow[]
  readonly facts: HostFacts
}

export function doctorJson(facts: HostFacts, trials: readonly Trial[] = []): DoctorReport {
  const rows = [...doctorRows(facts), ...trials.map(trialRow)]
  return { ok: !rows.some(isFatal), summary: summarize(rows), rows, facts }
}

const trialRow = ({ name, answer }: Trial): DoctorRow => ({ section: 'Tried', name, answer, needed: true, detail: '' })

const isFatal = ({ answer, needed }: DoctorRow): boolean => needed && !answer.ok

function summarize(rows: readonly DoctorRow[]): string {
  const fatal = rows.filter(isFatal).map(({ name }) => name)
  const missing = rows.filter(({ answer }) => !answer.ok)
  if (fatal.length) return `Sandboxes cannot be made here: ${fatal.join(', ')}`
  if (missing.length === 0) return `All ${rows.length} of ${rows.length} features work here`
  return `Sandboxes work here; ${missing.length} of ${rows.length} features are missing: ${missing.map(({ name }) => name).join(', ')}`
}

/** The report for people: a line for each feature, and below a missing one the reason and the remedy. */
export function renderDoctor(facts: HostFacts, options: DoctorOptions): string {
  const { rows, summary, ok } = doctorJson(facts, options.trials)
  const paint = options.color
    ? (code: number, text: string) => `\u001b[${code}m${text}\u001b[0m`
    : (_: number, text: string) => text
  const width = Math.max(...rows.map(({ name }) => name.length)) + 2
  const sections = [...new Set(rows.map(({ section }) => section))].map((section) => {
    const lines = rows.filter((row) => row.section === section).flatMap((row) => renderRow(row, width, paint))
    return [paint(BOLD, section), ...lines].join('\n')
  })
  return `${[...sections, paint(ok ? GREEN : RED, printable(summary))].join('\n\n')}\n`
}

const [BOLD, RED, GREEN, YELLOW] = [1, 31, 32, 33]
const STATUS_WIDTH = 9

function renderRow(row: DoctorRow, width: number, paint: (code: number, text: string) => string): string[] {
  const name = row.name.padEnd(width)
  if (row.answer.ok) return [`  ${paint(GREEN, 'ok'.padEnd(STATUS_WIDTH))}${name}${printable(row.detail)}`.trimEnd()]
  const status = paint(row.needed ? RED : YELLOW, 'missing'.padEnd(STATUS_WIDTH))
  const indent = ' '.repeat(2 + STATUS_WIDTH + width)
  return [`  ${status}${name}${printable(row.answer.reason)}`, `${indent}remedy: ${printable(row.answer.remedy)}`]
}

/** Names of groups and files come from others: what would move the cursor must not reach the terminal. */
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
