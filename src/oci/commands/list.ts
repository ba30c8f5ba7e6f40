import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import { print } from '../print.ts'
import { type ShownState, shownState } from './shown-state.ts'

/** `list [--quiet] [--format table|json]` */
export function run({ kernel, store, log }: Context, { options }: Given<'list'>): void {
  const { records, unreadable } = store.list()
  for (const { id, reason } of unreadable) log.warn(`${id}: ${reason}`)
  if (options.quiet === true) {
    print(kernel, records.map(({ id }) => `${id}\n`).join(''))
    return
  }
  const states = records.map((record) => shownState(kernel, record, store.status(record)))
  print(kernel, options.format === 'json' ? `${JSON.stringify(states)}\n` : table(states))
}

function table(states: readonly ShownState[]): string {
  const rows = [
    ['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'],
    ...states.map(({ id, pid, status, bundle, created, owner }) => [id, String(pid), status, bundle, created, owner]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: readonly string[]): string => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('')
}
