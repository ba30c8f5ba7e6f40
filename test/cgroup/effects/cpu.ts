import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cgroup } from '../../../src/cgroup/index.ts'
import { parseCpuList } from '../../../src/features/cgroups/cpu-list.ts'
import { eventually } from '../../support/eventually.ts'
import { statusField } from '../../support/proc.ts'
import type { Measured } from './effect.ts'
import { fileIn, shown } from './files.ts'
import { Hog, runIn, SPIN } from './hog.ts'

/** Enough that a test machine in software, which stands still for some of its milliseconds at times, is within a few per cent over 5 s. */
export const QUOTA = { quota: 30_000, period: 100_000 } as const
const PART = QUOTA.quota / QUOTA.period

const percent = (part: number): string => `${(100 * part).toFixed(1)} %`

/** A test machine in software stands still at times, and whoever runs then is charged for it: the longer, the more exact. */
const WINDOWS = 4

/** CPUs that this process may use. */
const allowedCpus = (): readonly number[] => [...(parseCpuList(statusField('self', 'Cpus_allowed_list')) ?? [])]

/** What a spinning process gets of one CPU over a while or, until it is what was expected, up to four times as long. */
async function partOf(
  group: Cgroup,
  { seconds, script, isExpected }: { seconds: number; script: string; isExpected: (part: number) => boolean },
): Promise<number> {
  await using hog = await Hog.start(group, script)
  // The first period can have begun before it.
  await sleep(200)
  const [before, start] = [hog.cpuSeconds(), performance.now()]
  for (let window = 1; ; window++) {
    await sleep(seconds * 1000)
    const part = (hog.cpuSeconds() - before) / ((performance.now() - start) / 1000)
    if (isExpected(part) || window === WINDOWS) return part
  }
}

/** Over five seconds or a few times as long, within 10 %. */
export async function heldToQuota(group: Cgroup): Promise<Measured> {
  // On a busy machine what others leave may be less than the quota.
  await group.update({ cpu: { weight: 10_000 } })
  const isExpected = (part: number): boolean => part > 0.9 * PART && part < 1.1 * PART
  const part = await partOf(group, { seconds: 5, script: SPIN, isExpected })
  const measured = part / PART
  assert(isExpected(part), percent(part))
  const { cpu } = await group.statistics(['cpu'])
  assert((cpu?.throttledPeriods ?? 0) > 10, JSON.stringify(cpu))
  return { how: `a loop had ${percent(part)} of a CPU of ${percent(PART)}`, measured }
}

/** A realtime process gets its runtime and no more; without one it could not even become realtime. */
export const heldToRealtime =
  (asked: number) =>
  async (group: Cgroup): Promise<Measured> => {
    const script = 'exec chrt --fifo 1 sh -c "while :; do :; done"'
    const isExpected = (part: number): boolean => part > 0.8 * asked && part < 1.2 * asked
    const part = await partOf(group, { seconds: 2, script, isExpected })
    const measured = part / asked
    assert(isExpected(part), percent(part))
    return { how: `a realtime loop had ${percent(part)} of a CPU of ${percent(asked)}`, measured }
  }

/** Two groups that want one CPU; gives how much more the first had, over 3 s or, until it is what was expected, up to four times that. */
async function ratioOf(first: Cgroup, second: Cgroup, isExpected: (ratio: number) => boolean): Promise<number> {
  const [cpu = 0] = allowedCpus()
  const script = `exec taskset -c ${cpu} sh -c "while :; do :; done"`
  await using a = await Hog.start(first, script)
  await using b = await Hog.start(second, script)
  // What the first had before the other one began is not taken from it at once.
  await eventually(
    () => b.cpuSeconds() > 1,
    () => `${b.cpuSeconds()} s`,
    20_000,
  )
  const before = [a.cpuSeconds(), b.cpuSeconds()] as const
  for (let window = 1; ; window++) {
    await sleep(3000)
    const ratio = (a.cpuSeconds() - before[0]) / Math.max(b.cpuSeconds() - before[1], 0.01)
    if (isExpected(ratio) || window === WINDOWS) return ratio
  }
}

/** Two groups have time like their weights as the kernel knows them, within 20 %. */
export async function sharedByWeight(group: Cgroup, other: Cgroup): Promise<Measured> {
  const [weight, otherWeight] = [group, other].map(weightOf) as [number, number]
  assert(weight > 1.5 * otherWeight, `${weight} and ${otherWeight}`)
  const asked = weight / otherWeight
  const isExpected = (ratio: number): boolean => ratio > 0.8 * asked && ratio < 1.2 * asked
  const ratio = await ratioOf(group, other, isExpected)
  assert(isExpected(ratio), String(ratio))
  return {
    how: `two loops on one CPU had ${ratio.toFixed(2)} to 1 for ${weight} to ${otherWeight}`,
    measured: ratio / asked,
  }
}

const weightOf = (group: Cgroup): number =>
  Number(shown(group, existsSync(fileIn(group, 'cpu.weight')) ? 'cpu.weight' : 'cpu.shares'))

/** What is idle has next to nothing while others want the CPU. */
export async function leavesTime(group: Cgroup, other: Cgroup): Promise<Measured> {
  const isExpected = (ratio: number): boolean => ratio < 0.1
  const ratio = await ratioOf(group, other, isExpected)
  assert(isExpected(ratio), String(ratio))
  return { how: `an idle loop had ${percent(ratio)} of the time of the one beside it` }
}

/** The last CPU that a process of the tests may have: the first is the one that everything else has too. */
export const lastCpu = (): string => String(allowedCpus().at(-1) ?? 0)

/** What proc_pid_status(5) allows, and where it really ran. */
export async function boundTo(group: Cgroup, cpu: string): Promise<Measured> {
  const script =
    'i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; cat /proc/self/status; echo ran $(cut -d" " -f39 /proc/$$/stat)'
  const { stdout } = await runIn(group, script)
  assert.equal(/^Cpus_allowed_list:\t(.*)$/m.exec(stdout)?.[1], cpu)
  assert.equal(/^ran (\d+)$/m.exec(stdout)?.[1], cpu)
  return { how: `a loop ran on CPU ${cpu} of ${readFileSync('/sys/devices/system/cpu/online', 'utf8').trim()}` }
}

/** What proc_pid_status(5) allows of memory nodes. */
export async function boundToNodes(group: Cgroup, nodes: string): Promise<Measured> {
  const { stdout } = await runIn(group, 'cat /proc/self/status')
  assert.equal(/^Mems_allowed_list:\t(.*)$/m.exec(stdout)?.[1], nodes)
  return { how: `a process may use memory of node ${nodes}` }
}
