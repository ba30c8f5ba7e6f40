import type { Context, Group } from './context.ts'
import { interleave, type Measured, type Subject } from './interleave.ts'
import { makeBundles, type OciBundles } from './oci-bundles.ts'
import { memoryOf } from './oci-memory.ts'
import { ID, type Job, LIVE, type OciRuntime, rowName, WAIT } from './oci-runtime.ts'
import { findRuntimes, type OciRuntimes } from './oci-runtimes.ts'
import { measuredRow, type Row, type Section } from './row.ts'

/** How many containers seem to be on the host when a state is asked for. */
const CONTAINERS = 1000
const IN_A_ROW = 100
const AT_ONCE = 20

/** What `carrel-oci` costs beside other runtimes of the same specification. */
export const ociGroup: Group = { name: 'oci', title: 'OCI runtimes', measure }

/** Something that every runtime does. */
interface Task {
  readonly what: string
  /** How often in a round */
  readonly batch: number
  readonly job: Job
  /** The most that ours may take, as many times as long as a peer */
  readonly atMost?: Readonly<Record<string, number>>
  /** Also by Node, whose start takes longer than all the rest */
  readonly byNode?: true
}

const GOALS = { crun: 1, runc: 0.4 }

const life = (bundle: string): Job => [['create', '--bundle', bundle, ID], ['start', ID], WAIT, ['delete', ID]]

function tasksOf(bundles: OciBundles): readonly Task[] {
  return [
    { what: 'start-up (`--version`)', batch: 3, job: [['--version']], byNode: true },
    { what: 'run', batch: 3, job: runOf(bundles), atMost: GOALS, byNode: true },
    { what: 'run, docker’s filter', batch: 2, job: [['run', '--bundle', bundles.filtered, ID]] },
    { what: 'create, start, delete', batch: 2, job: life(bundles.true), atMost: GOALS },
    { what: 'exec', batch: 3, job: [['exec', LIVE, '/bin/true']], byNode: true },
    { what: 'state', batch: 3, job: [['state', LIVE]] },
  ]
}

async function measure({ workspace, quick }: Context): Promise<Section> {
  using found = findRuntimes(workspace, workspace.compile('launch'))
  const bundles = makeBundles(workspace)
  for (const runtime of [found.ours, ...found.peers, found.byNode]) await runtime.keep(bundles.sleep)
  const rounds = quick ? 4 : 12
  const tasks = tasksOf(bundles)
  const compared = [found.ours, ...found.peers]
  const measured = await interleave(subjectsOf(tasks, found), rounds, quick ? 1 : 2)
  const inARow = await interleave(rowSubjects(compared, bundles, quick), quick ? 1 : 2, 0)
  const atOnce = await interleave(crowdSubjects(compared, bundles), quick ? 1 : 5, 0)
  const memory = await memoryOf(found, bundles)
  compared.forEach((runtime) => runtime.multiply(CONTAINERS - 1))
  const crowded = crowdedTasks()
  const beside = await interleave(subjectsOf(crowded, found), rounds / 2, 1)
  return {
    rows: [
      ...tasks.flatMap((task) => rowsOf(task, measured, found)),
      ...rowsOf({ what: rowOf(quick).what }, inARow, found),
      ...rowsOf({ what: CROWD }, atOnce, found),
      ...crowded.flatMap((task) => rowsOf(task, beside, found)),
      ...memory.rows,
      ...found.sizes,
    ],
    notes: [
      ...[measured, inARow, atOnce, beside].flatMap(({ failures }) => failures),
      'the same root and config.json for everybody: what `carrel-oci spec` proposes, with /bin/true as its program and without a filter',
      'create, start, delete: three commands, and between the last two the end of the program, which the launcher reaps as an engine does',
      'run, exec: in the foreground, until the program has ended',
      `${CONTAINERS} containers: one lives, the state directories of the others are copies of its own: no process, mount or group of theirs is there`,
      'peak memory: ru_maxrss of the largest process of a command, with what it shares with others (its executable, libraries)',
      ...memory.notes,
      ...found.notes,
    ],
  }
}

const crowdedTasks = (): readonly Task[] => [
  { what: `state, ${CONTAINERS} containers`, batch: 2, job: [['state', LIVE]] },
  { what: `list, ${CONTAINERS} containers`, batch: 1, job: [['list', '-q']] },
]

function subjectsOf(tasks: readonly Task[], { ours, byNode, peers }: OciRuntimes): readonly Subject[] {
  return tasks.flatMap(({ what, batch, job, byNode: also }) => [
    ...[ours, ...peers].map((runtime) => runtime.subject(what, batch, job)),
    ...(also ? [byNode.subject(what, 1, job)] : []),
  ])
}

const CROWD = `run, ${AT_ONCE} at once`

function rowOf(quick: boolean): { readonly what: string; readonly count: number } {
  const count = quick ? IN_A_ROW / 10 : IN_A_ROW
  return { what: `run, ${count} in a row`, count }
}

const runOf = (bundles: OciBundles): Job => [['run', '--bundle', bundles.true, ID]]

function rowSubjects(runtimes: readonly OciRuntime[], bundles: OciBundles, quick: boolean): readonly Subject[] {
  const { what, count } = rowOf(quick)
  return runtimes.map((runtime) => runtime.inARow(what, count, runOf(bundles)))
}

const crowdSubjects = (runtimes: readonly OciRuntime[], bundles: OciBundles): readonly Subject[] =>
  runtimes.map((runtime) => runtime.atOnce(CROWD, AT_ONCE, runOf(bundles)))

/** A row for each runtime; ours is compared with the first peer in its row, and with the others in rows of their own. */
function rowsOf(
  { what, atMost = {} }: Pick<Task, 'what' | 'atMost'>,
  measured: Measured,
  { ours, byNode, peers }: OciRuntimes,
): readonly Row[] {
  const [first, ...others] = peers.filter(({ name }) => measured.has(rowName(what, name)))
  const name = rowName(what, ours.name)
  if (!measured.has(name)) return []
  const against = (peer: OciRuntime) => rowName(what, peer.name)
  return [
    measuredRow(measured, name, 'ms', first && ceiling(against(first), atMost[first.name])),
    ...others.map((peer) => ratioRow(measured, { name, against: against(peer), atMost: atMost[peer.name] })),
    ...peers.filter((peer) => measured.has(against(peer))).map((peer) => measuredRow(measured, against(peer), 'ms')),
    ...(measured.has(against(byNode)) ? [measuredRow(measured, against(byNode), 'ms', { against: name })] : []),
  ]
}

const ceiling = (against: string, atMost: number | undefined) => ({
  against,
  ...(atMost === undefined ? {} : { atMost }),
})

interface Compared {
  readonly name: string
  readonly against: string
  readonly atMost: number | undefined
}

function ratioRow(measured: Measured, { name, against, atMost }: Compared): Row {
  const value = measured.ratio(name, against)
  const peer = against.slice(against.indexOf(':') + 2)
  const row = { what: `${name} / ${peer}`, unit: 'x', value }
  return atMost === undefined ? row : { ...row, goal: { wanted: `<= ${atMost}x ${against}`, met: value <= atMost } }
}
