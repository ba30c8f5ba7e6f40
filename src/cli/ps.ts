import { type LiveSandbox, observeSandboxes } from '../container/live-sandbox.ts'
import { measureSandboxes } from '../container/live-sandbox-statistics.ts'
import { listRecords, type UnreadableRecord } from '../container/records.ts'
import { painter, wantsColor } from './paint.ts'
import { psJson, psTable, type PsRow } from './ps-view.ts'
import { printable } from './show-units.ts'
import { withAgent } from './with-agent.ts'

/** Options of `carrel ps`, as commander gives them. */
export interface PsArguments {
  readonly json?: boolean
  readonly quiet?: boolean
}

/** Prints the list. @throws UnsupportedError for a directory of records that others may write to */
export async function ps({ json, quiet }: PsArguments): Promise<void> {
  const { records, unreadable } = listRecords()
  if (quiet) {
    process.stdout.write(records.map(({ record }) => `${record.id}\n`).join(''))
    return
  }
  const rows = await measured(observeSandboxes(records))
  if (json) {
    process.stdout.write(`${JSON.stringify({ sandboxes: rows.map(psJson), unreadable }, null, 2)}\n`)
    return
  }
  const { stdout } = process
  const width = stdout.isTTY ? { columns: stdout.columns } : {}
  stdout.write(psTable(rows, { paint: painter(wantsColor(stdout)), now: Date.now(), ...width }))
  warnAbout(unreadable)
}

async function measured(sandboxes: readonly LiveSandbox[]): Promise<readonly PsRow[]> {
  // Starting an agent takes longer than all the rest.
  if (sandboxes.every(({ record }) => record.places.length === 0)) {
    return sandboxes.map((sandbox) => ({ sandbox, statistics: {} }))
  }
  const records = sandboxes.map(({ record }) => record)
  const found = await withAgent((agent) => measureSandboxes(agent, records, ['cpu', 'memory', 'pids']))
  return sandboxes.map((sandbox) => ({ sandbox, statistics: found.get(sandbox.record.id)?.statistics ?? {} }))
}

/** Somebody else's files there are worth a word and no failure. */
function warnAbout(unreadable: readonly UnreadableRecord[]): void {
  for (const { file, reason } of unreadable) process.stderr.write(`carrel: ${printable(file)}: ${printable(reason)}\n`)
}
