import { planCgroups } from '../src/features/cgroups/plan-cgroups.ts'
import type { GroupPlace } from '../src/features/cgroups/group-place.ts'
import type { Resources } from '../src/features/cgroups/resources.ts'
import { readHostFacts } from '../src/host/probe.ts'
import type { Context, Group } from './context.ts'
import { interleave } from './interleave.ts'
import { MeasuredProcess } from './measured-process.ts'
import { boundedRow, measuredRow, type Row, type Section } from './row.ts'
import { quantile, summarize } from './samples.ts'
import { timesOf } from './workspace.ts'

const IN_C = 'make, write, add, take back, remove in C'
const CYCLE = 'Cgroup.create(), add(), add() back, destroy()'

/** How many groups are alive while all are measured. */
const CROWD = 200
/** Groups that are not ours, beside which a sandbox should cost what it costs alone. */
const OTHERS = 1000

/** What groups cost. */
export const groupsGroup: Group = { name: 'groups', title: 'Groups', measure }

async function measure({ workspace, quick }: Context): Promise<Section> {
  const program = workspace.compile('groups')
  await using node = await MeasuredProcess.start(0, 'group-jobs.mjs')
  const inC = async (steps: readonly string[], count: number): Promise<number[]> =>
    (await timesOf(program, [String(count), ...steps])).map((ms) => ms * 1000)
  const cycle = await cycleSteps(node)
  const subjects = [
    { name: IN_C, batch: 20, measure: (count: number) => inC(cycle, count) },
    node.subject(CYCLE, 20, 'cycles'),
  ]
  const measured = await interleave(subjects, quick ? 6 : 30, 2)
  return {
    rows: [
      measuredRow(measured, IN_C, 'us'),
      measuredRow(measured, CYCLE, 'us', { against: IN_C, atMost: 1.3 }),
      ...(await crowdRows(node, inC, quick)),
      ...(await othersRows(node, quick)),
    ],
    notes: [...measured.failures, 'in C: bench/groups.c, a static program that does the same writes to the same files'],
  }
}

interface Made {
  readonly places: readonly GroupPlace[]
  readonly resources: Resources
}

/** The writes of one cycle, from the same plan. */
async function cycleSteps(node: MeasuredProcess): Promise<string[]> {
  const { places, resources } = await node.ask<Made>('steps')
  const parents = await node.ask<readonly GroupPlace[]>('parents')
  const name = `carrel-bench-${process.pid}-c`
  const plan = planCgroups(resources, readHostFacts().cgroups, { name })
  if (plan.groups.length !== places.length) throw new Error('The plan is not the one that was carried out')
  return [
    ...plan.enable.flatMap(({ path, value }) => ['write', path, value]),
    ...plan.groups.flatMap(({ directory, files }) => [
      ...['make', directory, ''],
      ...files.flatMap(({ path, value }) => ['write', path, value]),
    ]),
    ...plan.join.flatMap(({ path }) => ['add', path, '']),
    ...parents.flatMap(({ directory }) => ['add', `${directory}/cgroup.procs`, '']),
    ...plan.remove.flatMap((path) => ['remove', path, '']),
  ]
}

async function crowdRows(
  node: MeasuredProcess,
  inC: (steps: readonly string[], count: number) => Promise<number[]>,
  quick: boolean,
): Promise<Row[]> {
  await node.ask('keep', CROWD)
  const rounds = quick ? 5 : 30
  const passes = await node.ask<number[]>('statistics', rounds)
  const files = await node.ask<string[]>('files')
  // Words of a command line are bounded: the files of some groups, scaled up.
  const some = files.slice(0, Math.floor(files.length / 10))
  const read = await inC(
    some.flatMap((path) => ['read', path, '']),
    rounds,
  )
  const kernelMs = (quantile(read, 0.5) / 1000) * (files.length / some.length)
  const pass = summarize(passes)
  await node.ask('keep', 0)
  return [
    { what: `reading their ${files.length} files in C`, unit: 'ms', value: kernelMs },
    {
      ...boundedRow(`statistics of ${CROWD} groups in one pass`, 'ms', pass.p50, 20),
      value: pass,
      ratio: { to: 'reading in C', value: pass.p50 / kernelMs },
    },
  ]
}

async function othersRows(node: MeasuredProcess, quick: boolean): Promise<Row[]> {
  const count = quick ? 20 : 60
  await node.ask('sandboxes', 10)
  const alone = summarize(await node.ask<number[]>('sandboxes', count))
  await node.ask('keep', OTHERS)
  const beside = summarize(await node.ask<number[]>('sandboxes', count))
  await node.ask('keep', 0)
  return [
    { what: 'fresh Sandbox, closed', unit: 'ms', value: alone },
    {
      what: `fresh Sandbox, closed, ${OTHERS} other groups`,
      unit: 'ms',
      value: beside,
      ratio: { to: 'without them', value: beside.p50 / alone.p50 },
      goal: { wanted: '<= 1.1x without them', met: beside.p50 / alone.p50 <= 1.1 },
    },
  ]
}
