import type { OciBundles } from './oci-bundles.ts'
import { ID, type Job, LIVE, type OciRuntime, WAIT } from './oci-runtime.ts'
import type { OciRuntimes } from './oci-runtimes.ts'
import type { Row } from './row.ts'

const RUNS = 3
const KIB_IN_MIB = 1024

/** The most memory that each command of ours needs, beside the first peer; that of the others is in the notes. */
export async function memoryOf(
  { ours, peers }: OciRuntimes,
  bundles: OciBundles,
): Promise<{ readonly rows: readonly Row[]; readonly notes: readonly string[] }> {
  const own = await peaks(ours, bundles)
  const others = new Map<string, ReadonlyMap<string, number>>()
  for (const peer of peers) others.set(peer.name, await peaks(peer, bundles))
  const [first] = peers
  return {
    rows: [...own].map(([command, mib]): Row => {
      const row = { what: `peak memory of ${command}: ${ours.name}`, unit: 'MiB', value: mib }
      const beside = first && others.get(first.name)?.get(command)
      return first && beside !== undefined ? { ...row, ratio: { to: first.name, value: mib / beside } } : row
    }),
    notes: [...others].map(
      ([name, each]) =>
        `peak memory of ${name}, MiB: ${[...each].map(([command, mib]) => `${command} ${mib.toFixed(1)}`).join(', ')}`,
    ),
  }
}

/** MiB by command. */
async function peaks(runtime: OciRuntime, bundles: OciBundles): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>()
  for (const job of jobs(bundles)) {
    const { kib } = await runtime.do(job, RUNS)
    job.forEach(([command = ''], index) => {
      if (job[index] !== WAIT) found.set(command, (kib[index] ?? Number.NaN) / KIB_IN_MIB)
    })
  }
  return found
}

const jobs = (bundles: OciBundles): readonly Job[] => [
  [['create', '--bundle', bundles.sleep, ID], ['start', ID], ['kill', ID, 'KILL'], WAIT, ['delete', ID]],
  [['run', '--bundle', bundles.true, ID]],
  [['exec', LIVE, '/bin/true']],
  [
    ['pause', LIVE],
    ['resume', LIVE],
  ],
  [['state', LIVE]],
  [['list', '-q']],
]
