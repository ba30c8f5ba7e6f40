import { Command } from 'commander'
import { collectGarbage, type GcReport, type Leftover } from '../container/gc.ts'
import { readHostFacts } from '../host/probe.ts'
import type { Collected, LeftContainer } from '../nsinit/lifecycle/collect-containers.ts'
import { NS } from '../ns/limit-group.ts'
import { FAILED, report } from './report.ts'
import { printable } from './show-units.ts'
import { withAgent } from './with-agent.ts'

interface GcArguments {
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** What the containers of `carrel nsinit` left has a part of its own: their states are another store. */
interface Done extends GcReport {
  readonly nsinit: Collected
}

/** `carrel gc`: removes what was left by owners that were ended in a way that left nobody to tidy up. */
export const gcCommand = new Command('gc')
  .description('remove what dead owners of sandboxes and containers have left: processes, groups, bridges, records')
  .option('--dry-run', 'say what would be removed, and remove nothing')
  .option('--json', 'print one JSON object')
  .action(async ({ dryRun = false, json = false }: GcArguments) => {
    try {
      const done = await collect(dryRun)
      process.stdout.write(json ? `${JSON.stringify(done, null, 2)}\n` : gcText(done))
      const failed = [
        ...done.failed.map(({ leftover, error }) => [nameOf(leftover), error] as const),
        ...done.nsinit.failed.map(({ leftover, error }) => [containerName(leftover), error] as const),
      ]
      for (const [name, error] of failed) process.stderr.write(`carrel: ${name} cannot be removed: ${error.message}\n`)
      if (failed.length > 0) process.exitCode = FAILED
    } catch (error) {
      process.exitCode = report(error)
    }
  })

async function collect(dryRun: boolean): Promise<Done> {
  const { cgroups } = readHostFacts()
  const sandboxes = await withAgent((agent) => collectGarbage(agent, cgroups, { dryRun }))
  const [{ currentKernel }, { nsinitContext }, { collectContainers }] = await Promise.all([
    import('../kernel/current.ts'),
    import('../nsinit/lifecycle/nsinit-context.ts'),
    import('../nsinit/lifecycle/collect-containers.ts'),
  ])
  const context = nsinitContext(await currentKernel())
  return { ...sandboxes, nsinit: await collectContainers(context, { dryRun }) }
}

function gcText({ dryRun, removed, kept, nsinit }: Done): string {
  const verb = dryRun ? 'would remove' : 'removed'
  const lines = [
    ...removed.flatMap((each) => [`${nameOf(each)}${ownerOf(each)}`, ...indented(partsOf(each))]),
    ...nsinit.removed.flatMap((each) => [containerName(each), ...indented(partsOfContainer(each))]),
  ].map((line) => (line.startsWith(' ') ? line : `${verb} ${line}`))
  const left = [...kept, ...nsinit.kept].map(
    ({ path, reason }) => `left alone ${printable(path)}: ${printable(reason)}`,
  )
  const all = [...lines, ...left]
  return `${(all.length ? all : ['Nothing is left of dead owners']).join('\n')}\n`
}

const indented = (parts: readonly string[]): readonly string[] => parts.map((part) => `  ${printable(part)}`)

function nameOf({ id, name, record, shared }: Leftover): string {
  if (id !== null)
    return `${id.startsWith(NS) ? 'container' : 'sandbox'} ${id}${name === undefined ? '' : ` (${name})`}`
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

const containerName = ({ id, directory }: LeftContainer): string =>
  `container ${id}${directory === null ? '' : ` of ${printable(directory)}`}`

const partsOfContainer = ({ pids, groups, shared, bridges, record }: LeftContainer): readonly string[] => [
  ...pids.map((pid) => `process ${pid}`),
  ...groups.map((directory) => `group ${directory}`),
  ...shared.map((directory) => `group ${directory} when it is empty`),
  ...bridges.map((name) => `bridge ${name} when nothing is in it`),
  `record ${record}`,
]
