import cliTruncate from 'cli-truncate'
import stringWidth from 'string-width'
import type { SandboxStatus } from '../container/live-sandbox.ts'
import { bar, sparkline } from './graphs.ts'
import type { Paint, Style } from './paint.ts'
import { printable, showBytes, showPercent } from './show-units.ts'
import { type Order, ORDERS, sortedRows, type StatsRow, totalOf } from './stats-rows.ts'
import { type Column, padded, tableLines } from './text-table.ts'

/** What a view is drawn with. */
export interface Drawing {
  readonly paint: Paint
  /** Cells of a line; undefined: as many as it takes */
  readonly columns?: number
  /** CPU use of the past by id, the newest last, per cent */
  readonly history?: ReadonlyMap<string, readonly number[]>
}

/** The live view at one moment. */
export interface Screen extends Drawing {
  readonly columns: number
  readonly lines: number
  readonly order: Order
  /** Whether it stands still */
  readonly held: boolean
  readonly intervalMs: number
  readonly time: Date
}

const BAR_CELLS = 10
const HISTORY_CELLS = 12
const NONE = '-'

/** From these on a thing is well used, and short. */
const [BUSY, SHORT] = [0.6, 0.85]

const load = (ratio: number): Style => (ratio >= SHORT ? 'red' : ratio >= BUSY ? 'yellow' : 'green')

export const STATUS_STYLES: Readonly<Record<SandboxStatus, Style>> = {
  starting: 'cyan',
  running: 'green',
  paused: 'yellow',
  dead: 'red',
  unknown: 'dim',
}

/** The table, for a file or a terminal: one line per sandbox. */
export function statsBlock(rows: readonly StatsRow[], drawing: Drawing): string {
  const width = drawing.columns === undefined ? {} : { columns: drawing.columns }
  const head = (title: string): string => drawing.paint('bold', title)
  return `${tableLines(columnsOf(rows, drawing), rows, { ...width, head }).join('\n')}\n`
}

function columnsOf(
  rows: readonly StatsRow[],
  { paint, history, columns = Infinity }: Drawing,
): readonly Column<StatsRow>[] {
  const any = (key: keyof StatsRow): boolean => rows.some((row) => row[key] !== undefined)
  const column = (title: string, cell: Column<StatsRow>['cell'], more: Partial<Column<StatsRow>> = {}) => ({
    ...{ title, cell },
    ...more,
  })
  const right = { align: 'right' } as const
  const count = (value: number | undefined): string => (value === undefined ? NONE : String(value))
  const rate = (value: number | undefined): string =>
    value === undefined ? NONE : quiet(value, showBytes(value), paint)
  return [
    column('SANDBOX', (row) => nameCell(row, paint), { most: Math.min(40, Math.max(12, Math.floor(columns / 5))) }),
    column('STATUS', (row) => paint(STATUS_STYLES[row.status], row.status), { drop: 2 }),
    column('CPU %', (row) => cpuCell(row, paint), right),
    ...(history ? [column('CPU', (row) => historyCell(history.get(row.id) ?? [], paint), { drop: 4 })] : []),
    column('MEMORY', (row) => memoryCell(row), right),
    column('', (row) => memoryBar(row, paint), { drop: 3 }),
    column('PIDS', (row) => pidsCell(row, paint), { ...right, drop: 1 }),
    column('READ/S', (row) => rate(row.readRate), { ...right, drop: 6 }),
    column('WRITE/S', (row) => rate(row.writeRate), { ...right, drop: 6 }),
    column('OOM', (row) => paint(row.oomKills ? 'red' : 'dim', count(row.oomKills)), { ...right, drop: 5 }),
    column('THR %', (row) => throttledCell(row, paint), { ...right, drop: 7 }),
    ...(any('pressure') ? [column('PRESSURE', (row) => pressureCell(row), { ...right, drop: 8 })] : []),
  ]
}

/** Where there is no room for the status, the colour of the name tells that something is not as usual. */
function nameCell({ name, id, status }: StatsRow, paint: Paint): string {
  const text = printable(name ?? id)
  return status === 'running' ? text : paint(STATUS_STYLES[status], text)
}

/** Nothing is not worth a look. */
const quiet = (value: number, text: string, paint: Paint): string => (value > 0 ? text : paint('dim', text))

const cpuCell = ({ cpuPercent }: StatsRow, paint: Paint): string =>
  cpuPercent === undefined ? NONE : paint(cpuPercent < 0.05 ? 'dim' : load(cpuPercent / 100), showPercent(cpuPercent))

/** A cell is full at one CPU, or at the most that was seen. */
const historyCell = (values: readonly number[], paint: Paint): string =>
  paint('cyan', sparkline(values, HISTORY_CELLS, Math.max(100, ...values.slice(-HISTORY_CELLS))))

function memoryCell({ memoryBytes, memoryLimitBytes }: StatsRow): string {
  if (memoryBytes === undefined) return NONE
  return `${showBytes(memoryBytes)} / ${memoryLimitBytes == null ? NONE : showBytes(memoryLimitBytes)}`
}

function memoryBar({ memoryBytes, memoryLimitBytes }: StatsRow, paint: Paint): string {
  if (memoryBytes === undefined || memoryLimitBytes == null) return ''
  const ratio = memoryLimitBytes === 0 ? 1 : memoryBytes / memoryLimitBytes
  return paint(load(ratio), bar(ratio, BAR_CELLS))
}

function pidsCell({ pids, pidsLimit }: StatsRow, paint: Paint): string {
  if (pids === undefined) return NONE
  if (pidsLimit == null) return String(pids)
  const text = `${pids}/${pidsLimit}`
  return pids >= pidsLimit * SHORT ? paint('red', text) : text
}

const throttledCell = ({ throttledPercent }: StatsRow, paint: Paint): string =>
  throttledPercent === undefined
    ? NONE
    : throttledPercent > 0
      ? paint('yellow', showPercent(throttledPercent))
      : showPercent(0)

function pressureCell({ pressure }: StatsRow): string {
  if (!pressure) return NONE
  const value = (name: 'cpu' | 'memory' | 'io'): string =>
    pressure[name] === undefined ? NONE : showPercent(pressure[name])
  return `cpu ${value('cpu')} mem ${value('memory')} io ${value('io')}`
}

/** The live view: exactly as many lines as the terminal has, none longer than it is wide. */
export function statsScreen(rows: readonly StatsRow[], screen: Screen): readonly string[] {
  const { columns, lines, paint, order } = screen
  const head = [topLine(rows, screen), totalLine(rows, screen), '']
  const foot = [keyLine(screen)]
  const room = Math.max(0, lines - head.length - foot.length - 1)
  const sorted = sortedRows(rows, order)
  // The last line says how many there is no room for.
  const shown = sorted.length > room ? sorted.slice(0, Math.max(0, room - 1)) : sorted
  const [titles = '', ...table] = tableLines(columnsOf(shown, screen), shown, { columns })
  const body = [paint('inverse', padded(titles, columns)), ...table]
  if (shown.length < sorted.length) body.push(paint('dim', `… ${sorted.length - shown.length} more`))
  if (rows.length === 0) body.push(paint('dim', 'No sandbox runs: start one with carrel run'))
  const empty = Array.from({ length: Math.max(0, lines - head.length - foot.length - body.length) }, () => '')
  return [...head, ...body, ...empty, ...foot].slice(0, lines).map((line) => cliTruncate(line, columns))
}

function topLine(rows: readonly StatsRow[], { columns, paint, held, time, intervalMs }: Screen): string {
  const counts = (['running', 'paused', 'starting', 'dead', 'unknown'] as const).flatMap((status) => {
    const count = rows.filter((row) => row.status === status).length
    return count ? [paint(STATUS_STYLES[status], `${count} ${status}`)] : []
  })
  const left = `${paint('bold', 'carrel stats')}  ${counts.join(', ')}`
  const clock = held
    ? paint('yellow', 'held')
    : `every ${intervalMs < 1000 ? `${intervalMs} ms` : `${intervalMs / 1000} s`}`
  const right = `${clock}  ${time.toTimeString().slice(0, 8)}`
  const space = columns - stringWidth(left) - stringWidth(right)
  return space >= 2 ? left + ' '.repeat(space) + right : left
}

function totalLine(rows: readonly StatsRow[], { paint }: Screen): string {
  const { cpuPercent = 0, memoryBytes = 0, pids = 0 } = totalOf(rows)
  const word = (text: string): string => paint('dim', text)
  return `${word('cpu')} ${showPercent(cpuPercent)} %  ${word('memory')} ${showBytes(memoryBytes)}  ${word('pids')} ${pids}`
}

function keyLine({ paint, order, held }: Screen): string {
  const orders = (Object.keys(ORDERS) as Order[]).map((name) => {
    const text = `${paint('bold', ORDERS[name].key)} ${name}`
    return name === order ? `${text}${paint('cyan', name === 'name' ? '▲' : '▼')}` : text
  })
  return [`${paint('bold', 'q')} quit`, `${paint('bold', 'space')} ${held ? 'go on' : 'hold'}`, ...orders].join('  ')
}
