import cliTruncate from 'cli-truncate'
import stringWidth from 'string-width'

/** A column of a table for people. */
export interface Column<Row> {
  readonly title: string
  /** Default: left */
  readonly align?: 'left' | 'right'
  /** May hold colours */
  readonly cell: (row: Row) => string
  /** Columns of the highest number go first when the terminal is narrow; 0, the default: stays */
  readonly drop?: number
  /** Widest it gets, in cells of the terminal */
  readonly most?: number
}

export interface TableOptions {
  /** Cells of the terminal; undefined: as wide as the table is */
  readonly columns?: number
  /** What a title becomes; default: itself */
  readonly head?: (title: string) => string
}

const GAP = '  '

/** The lines of a table, its head first: columns as wide as what is in them, none longer than the terminal. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { columns: available = Infinity, head = (title) => title }: TableOptions = {},
): readonly string[] {
  const measured = columns.map((column) => measure(column, rows))
  const kept = fitting(measured, available)
  const line = (cells: readonly string[]): string => {
    const text = cells.join(GAP).trimEnd()
    return available === Infinity ? text : cliTruncate(text, available)
  }
  return [
    line(kept.map(({ column, width }) => padded(head(column.title), width, column.align))),
    ...rows.map((_, i) => line(kept.map(({ column, width, cells }) => padded(cells[i] ?? '', width, column.align)))),
  ]
}

interface Measured<Row> {
  readonly column: Column<Row>
  readonly cells: readonly string[]
  readonly width: number
}

function measure<Row>(column: Column<Row>, rows: readonly Row[]): Measured<Row> {
  const { most = Infinity } = column
  const cells = rows.map((row) => {
    const text = column.cell(row)
    return stringWidth(text) > most ? cliTruncate(text, most) : text
  })
  return { column, cells, width: Math.max(stringWidth(column.title), ...cells.map((text) => stringWidth(text))) }
}

function fitting<Row>(measured: readonly Measured<Row>[], available: number): readonly Measured<Row>[] {
  const width = measured.reduce((sum, each) => sum + each.width + GAP.length, -GAP.length)
  const least = Math.max(0, ...measured.map(({ column }) => column.drop ?? 0))
  if (width <= available || least === 0) return measured
  return fitting(
    measured.filter(({ column }) => column.drop !== least),
    available,
  )
}

/** Text in so many cells; wide characters take two, colours none. */
export function padded(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - stringWidth(text)))
  return align === 'left' ? text + space : space + text
}
