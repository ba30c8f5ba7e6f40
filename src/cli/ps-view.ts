import type { LiveSandbox } from '../container/live-sandbox.ts'
import type { Statistics } from '../features/cgroups/readings/statistics.ts'
import type { Paint } from './paint.ts'
import { printable, showAge, showBytes } from './show-units.ts'
import { STATUS_STYLES } from './stats-view.ts'
import { type Column, tableLines } from './text-table.ts'

/** A sandbox in the list. */
export interface PsRow {
  readonly sandbox: LiveSandbox
  /** Empty where it has no groups, or they are gone */
  readonly statistics: Statistics
}

export interface PsDrawing {
  readonly paint: Paint
  readonly columns?: number
  /** `ms` since the epoch */
  readonly now: number
}

const NONE = '-'

/** The table of `carrel ps`. */
export function psTable(rows: readonly PsRow[], { paint, columns, now }: PsDrawing): string {
  const all: readonly Column<PsRow>[] = [
    { title: 'ID', cell: ({ sandbox }) => sandbox.record.id },
    { title: 'NAME', cell: ({ sandbox }) => printable(sandbox.record.name ?? NONE), drop: 2, most: 32 },
    { title: 'STATUS', cell: ({ sandbox }) => paint(STATUS_STYLES[sandbox.status], sandbox.status) },
    { title: 'PID', cell: ({ sandbox }) => String(sandbox.pid ?? NONE), align: 'right', drop: 3 },
    { title: 'AGE', cell: ({ sandbox }) => showAge(now - Date.parse(sandbox.record.created)), align: 'right', drop: 4 },
    { title: 'MEMORY', cell: memoryCell, align: 'right', drop: 5 },
    { title: 'PIDS', cell: pidsCell, align: 'right', drop: 5 },
    { title: 'COMMAND', cell: commandCell, most: columns === undefined ? 60 : Math.max(8, columns) },
  ]
  const used = all.filter(({ title }) => title !== 'NAME' || rows.some(({ sandbox }) => sandbox.record.name))
  const head = (title: string): string => paint('bold', title)
  return `${tableLines(used, rows, { ...(columns === undefined ? {} : { columns }), head }).join('\n')}\n`
}

function memoryCell({ statistics: { memory } }: PsRow): string {
  if (memory?.currentBytes === undefined) return NONE
  return `${showBytes(memory.currentBytes)} / ${memory.limitBytes == null ? NONE : showBytes(memory.limitBytes)}`
}

function pidsCell({ sandbox, statistics: { pids } }: PsRow): string {
  if (pids?.current === undefined) return String(sandbox.commands.length)
  return pids.limit == null ? String(pids.current) : `${pids.current}/${pids.limit}`
}

/** The command that was run in it first and is still there; how many others, if there are any. */
function commandCell({ sandbox: { commands, pid, record } }: PsRow): string {
  const direct = commands.filter(({ parent }) => parent === pid)
  const [first] = direct.length ? direct : commands
  const words = first?.words.length ? first.words : record.init
  if (!words) return NONE
  const more = direct.length > 1 ? ` (and ${direct.length - 1} more)` : ''
  return printable(words.join(' ')) + more
}

/** What `carrel ps --json` says of a sandbox. */
export function psJson({ sandbox, statistics }: PsRow): Record<string, unknown> {
  const { record, pid, status, owner, commands } = sandbox
  const { version, owner: process, ...rest } = record
  return {
    ...rest,
    status,
    pid: pid ?? null,
    owner: { ...process, life: owner },
    commands: commands.map(({ pid: each, words }) => ({ pid: each, words })),
    statistics,
    recordVersion: version,
  }
}
