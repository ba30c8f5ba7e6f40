import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { format, resolveConfig } from 'prettier'
import { agentSizeGroup } from './agent-size.ts'
import { callsGroup } from './calls.ts'
import { connectionsGroup } from './connections.ts'
import type { Context, Group } from './context.ts'
import { crowdGroup } from './crowd.ts'
import { depthGroup } from './depth.ts'
import { forkGroup } from './fork.ts'
import { groupsGroup } from './groups.ts'
import { heapGroup } from './heap.ts'
import { busyNote, machineLine } from './machine.ts'
import { ociGroup } from './oci.ts'
import type { Goal, Section } from './row.ts'
import { startGroup } from './start.ts'
import { renderSection } from './table.ts'
import { throughputGroup } from './throughput.ts'
import { BENCH, Workspace } from './workspace.ts'

const GROUPS: readonly Group[] = [
  startGroup,
  ociGroup,
  heapGroup,
  callsGroup,
  depthGroup,
  forkGroup,
  groupsGroup,
  throughputGroup,
  crowdGroup,
  connectionsGroup,
  agentSizeGroup,
]

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, write: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const unknown = positionals.filter((name) => !GROUPS.some((group) => group.name === name))
if (unknown.length > 0) {
  console.error(
    `There is no ${unknown.join(', ')}: npm run bench -- [--quick] [--write] [${GROUPS.map(({ name }) => name).join('|')}]…`,
  )
  process.exit(2)
}
if (values.write && (values.quick || positionals.length > 0)) {
  console.error('--write keeps the whole table of a whole run: leave out --quick and the names')
  process.exit(2)
}
if (process.getuid?.() !== 0) {
  console.error('Run it as root: limit.c and the other runtimes cannot make their groups and namespaces otherwise')
  process.exit(2)
}
await main(GROUPS.filter(({ name }) => positionals.length === 0 || positionals.includes(name)))

async function main(groups: readonly Group[]): Promise<void> {
  using workspace = new Workspace()
  const begin = performance.now()
  const lines: string[] = []
  const print = (text: string) => {
    lines.push(text)
    console.log(`${text}\n`)
  }
  const busy = busyNote()
  print(machineLine())
  if (busy) print(busy)
  const goals: Goal[] = []
  for (const group of groups) {
    const section = await sectionOf(group, { workspace, quick: values.quick })
    goals.push(...section.rows.flatMap(({ goal }) => (goal ? [goal] : [])))
    print(renderSection(group.title, section))
  }
  const met = goals.filter((goal) => goal.met).length
  print(
    `${met} of ${goals.length} goals met; ${((performance.now() - begin) / 1000).toFixed(0)} s${values.quick ? ', a quick run' : ''}.`,
  )
  if (values.write) await keep(lines)
}

/** Keeps the table in the form in which every other page is. */
async function keep(lines: readonly string[]): Promise<void> {
  const path = join(BENCH, 'RESULTS.md')
  const about =
    'Written by `npm run bench -- --write`; [README.md](README.md) says how to read it, and why goals are missed.'
  const page = ['# Results', about, ...lines].join('\n\n')
  writeFileSync(path, await format(page, { ...(await resolveConfig(path)), parser: 'markdown' }))
}

/** A part that fails is shown as such, the others still count. */
async function sectionOf(group: Group, context: Context): Promise<Section> {
  try {
    return await group.measure(context)
  } catch (error) {
    process.exitCode = 1
    return { rows: [], notes: [`FAILED: ${error instanceof Error ? error.message : String(error)}`] }
  }
}
