import { Command } from 'commander'
import { collectGarbage, type GcReport, type Leftover } from '../container/gc.ts'
import { readHostFacts } from '../host/probe.ts'
import { FAILED, report } from './report.ts'
import { printable } from './show-units.ts'
import { withAgent } from './with-agent.ts'

interface GcArguments {
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** `carrel gc`: removes what sandboxes left whose owners were ended in a way that left nobody to tidy up. */
export const gcCommand = new Command('gc')
  .description('remove what dead owners of sandboxes have left: processes, groups, records')
  .option('--dry-run', 'say what would be removed, and remove nothing')
  .option('--json', 'print one JSON object')
  .action(async ({ dryRun = false, json = false }: GcArguments) => {
    try {
      const { cgroups } = readHostFacts()
      const done = await withAgent((agent) => collectGarbage(agent, cgroups, { dryRun }))
      process.stdout.write(json ? `${JSON.stringify(gcJson(done), null, 2)}\n` : gcText(done))
      for (const { leftover, error } of done.failed)
        process.stderr.write(`carrel: ${nameOf(leftover)} cannot be removed: ${error.message}\n`)
      if (done.failed.length > 0) process.exitCode = FAILED
    } catch (error) {
      process.exitCode = report(error)
    }
  })

function gcJson({ failed, ...rest }: GcReport): unknown {
  return { ...rest, failed: failed.map(({ leftover, error }) => ({ leftover, error })) }
}

function gcText({ dryRun, removed, kept }: GcReport): string {
  const verb = dryRun ? 'would remove' : 'removed'
  const lines = removed.flatMap((leftover) => [
    `${verb} ${nameOf(leftover)}${ownerOf(leftover)}`,
    ...partsOf(leftover).map((part) => `  ${printable(part)}`),
  ])
  const left = kept.map(({ path, reason }) => `left alone ${printable(path)}: ${printable(reason)}`)
  const all = [...lines, ...left]
  return `${(all.length ? all : ['Nothing is left of dead owners']).join('\n')}\n`
}

function nameOf({ id, name, record, shared }: Leftover): string {
  if (id !== null) return `sandbox ${id}${name === undefined ? '' : ` (${name})`}`
  return record === null ? `empty group ${printable(shared.join(' '))}` : `empty record ${printable(record)}`
}

const ownerOf = ({ owner }: Leftover): string => (owner ? `, whose owner was process ${owner.pid}` : '')

function partsOf({ id, pids, places, shared, record }: Leftover): readonly string[] {
  if (id === null) return []
  return [
    ...pids.map((pid) => `process ${pid}`),
    ...places.map(({ directory }) => `group ${directory}`),
    ...shared.map((directory) => `group ${directory} when it is empty`),
    ...(record === null ? [] : [`record ${record}`]),
  ]
}
