import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { groupSteps, removeSteps, vacateSteps } from '../../src/features/cgroups/group-steps.ts'
import { parseStatistics } from '../../src/features/cgroups/readings/parse-statistics.ts'
import { planCgroups } from '../../src/features/cgroups/plan-cgroups.ts'
import type { CgroupPlan, PlanCgroupsOptions } from '../../src/features/cgroups/plan-cgroups.ts'
import type { Resources } from '../../src/features/cgroups/resources.ts'
import { statisticsFiles } from '../../src/features/cgroups/readings/statistics-files.ts'
import type { Statistics } from '../../src/features/cgroups/readings/statistics.ts'
import { readHostFacts } from '../../src/host/probe.ts'
import { Agent } from '../../src/process/index.ts'
import { type Program, program } from '../../src/program/builder.ts'

const { cgroups } = readHostFacts()

interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly counted: Statistics
}

let agent: Promise<Agent> | undefined
after(async () => (await agent)?.close())

/** Runs steps where sandboxes have theirs run: in an agent. */
async function run(build: (p: Program) => void): Promise<void> {
  agent ??= Agent.start()
  const p = program()
  build(p)
  await (await agent).run(p)
}

const make = (plan: CgroupPlan): Promise<void> =>
  run((p) => {
    vacateSteps(p, plan)
    groupSteps(p, plan)
  })

/** A shell that could not fork leaves its children behind, and a group goes only after its last process. */
async function remove(plan: CgroupPlan): Promise<void> {
  const deadline = Date.now() + 20_000
  const lists = plan.join.filter(({ path }) => existsSync(path))
  while (lists.some(({ path }) => readFileSync(path, 'utf8') !== '') && Date.now() < deadline) await delay(20)
  await run((p) => removeSteps(p, plan))
}

/** Runs a shell script in the groups of a plan: joins first, then becomes the script. */
async function runIn(plan: CgroupPlan, script: string): Promise<Outcome> {
  await make(plan)
  try {
    const join = plan.join.map(({ path }) => `echo $$ > ${path}`).join(' && ')
    const { status, stdout } = spawnSync('sh', ['-c', `${join} && exec sh -c "$1" 2>&1`, 'sh', script], {
      encoding: 'utf8',
    })
    return { status, stdout, counted: statisticsOf(plan) }
  } finally {
    await remove(plan)
  }
}

function statisticsOf({ groups }: CgroupPlan): Statistics {
  const files = statisticsFiles(groups.filter(({ shared }) => !shared)).filter(({ path }) => existsSync(path))
  return parseStatistics(new Map(files.map(({ path }) => [path, readFileSync(path, 'utf8')])), files)
}

let count = 0
/** A name that nobody else uses. */
const uniqueName = (): string => `carrel-test-${process.pid}-${count++}`

/** A plan for this machine, or undefined (and a skipped test) when it cannot enforce one of the limits. */
function planHere(
  t: TestContext,
  resources: Resources,
  options: Partial<PlanCgroupsOptions> = {},
): CgroupPlan | undefined {
  const plan = planCgroups(resources, cgroups, { name: uniqueName(), ...options })
  const [refused] = plan.notApplied
  if (refused) t.skip(`${refused.limit}: ${refused.reason}`)
  return refused ? undefined : plan
}

test('planCgroups() bounds processes: forks above the limit fail and are counted', async (t) => {
  const plan = planHere(t, { pids: { limit: 5 } })
  if (!plan) return
  const { stdout, counted } = await runIn(plan, 'for i in 1 2 3 4 5 6 7 8; do sleep 0.2 & done; wait')
  assert.match(stdout, /fork/i)
  assert((counted.pids?.current ?? 6) <= 5)
  assert((counted.pids?.failures ?? 1) > 0)
  if (counted.pids?.peak !== undefined) assert.equal(counted.pids.peak, 5)
})

test('planCgroups() bounds memory with swap: a hog is killed, the counter says so and the peak is the limit', async (t) => {
  const limit = 64 * 2 ** 20
  const plan = planHere(t, { memory: { limit, swap: limit } })
  if (!plan) return
  const { stdout, counted } = await runIn(plan, 'head -c 256M /dev/zero | tail -c 256M | wc -c; echo survived')
  assert.match(stdout, /survived/, 'only the process that was too big dies')
  assert.equal(counted.memory?.oomKills, 1)
  const peak = counted.memory?.peakBytes ?? limit
  assert(peak <= limit && peak > 0.9 * limit, String(peak))
})

test('planCgroups() bounds CPU time to the quota', async (t) => {
  const plan = planHere(t, { cpu: { quota: 20_000, period: 100_000 } }, { account: ['cpu'] })
  if (!plan) return
  const { counted } = await runIn(plan, 'timeout 1 sh -c "while :; do :; done"')
  const { usageUs: used, periods = 12 } = counted.cpu ?? {}
  // One period may have begun, and a slice of the clock is taken before the kernel looks.
  assert(used !== undefined && used > 50_000 && used < 1.3 * 20_000 * (periods + 1), JSON.stringify(counted.cpu))
  assert((counted.cpu?.throttledPeriods ?? 1) > 0)
})

test('planCgroups() binds to CPUs and sets weights', async (t) => {
  const cpus = cgroups.controllers.cpuset?.cpus ?? '0'
  const last = /\d+$/.exec(cpus)?.[0] ?? '0'
  const plan = planHere(t, { cpu: { cpus: last, weight: 50 } })
  if (!plan) return
  const { stdout } = await runIn(plan, 'grep Cpus_allowed_list /proc/self/status')
  assert.equal(stdout, `Cpus_allowed_list:\t${last}\n`)
})

test('planCgroups() offers a file that kills the whole group', async (t) => {
  const plan = planHere(t, {}, { kill: true })
  if (!plan || plan.kill === null) return t.skip('no cgroup.kill here')
  const { status, stdout } = await runIn(plan, `echo before; echo 1 > ${plan.kill}; sleep 5; echo after`)
  assert.deepEqual([status, stdout], [null, 'before\n'])
})

test('G02, G03: a name of two segments is a group in a level in every hierarchy that the kernel names for its processes', async (t) => {
  const names = [uniqueName(), 'guest1234']
  const plan = planHere(t, {}, { name: names, all: true })
  if (!plan) return
  const usable = Object.values(cgroups.controllers).filter((found) => found.usable.ok)
  if (usable.length === 0) return t.skip('no hierarchy can be used here')
  const { stdout } = await runIn(plan, 'cat /proc/self/cgroup')
  const inside = stdout.split('\n').filter((line) => line.endsWith(`/${names.join('/')}`))
  assert.equal(
    inside.length,
    new Set(plan.groups.filter(({ shared }) => !shared).map(({ directory }) => directory)).size,
  )
  assert(inside.length >= new Set(usable.map(({ parent }) => parent)).size)
})

test('G02, G10, L56: each limit of a guest is in the file that the kernel enforces it by, and a second guest finds its level as it was', async (t) => {
  const level = uniqueName()
  const MIB16 = 16 * 2 ** 20
  const [cpu] = /^\d+/.exec(cgroups.controllers.cpuset?.cpus ?? '') ?? ['0']
  const [node] = /^\d+/.exec(cgroups.controllers.cpuset?.mems ?? '') ?? ['0']
  const resources: Resources = { memory: { limit: MIB16, swap: MIB16 }, cpu: { cpus: cpu, mems: node } }
  const one = planHere(t, resources, { name: [level, 'one'] })
  const two = planHere(t, resources, { name: [level, 'two'] })
  if (!one || !two) return
  const cpuset = (plan: CgroupPlan) =>
    plan.groups.find(({ shared, controllers }) => shared && controllers.includes('cpuset'))
  const list = `${cpuset(one)?.directory}/cpuset.cpus`
  await make(one)
  try {
    const written = one.groups.filter(({ shared }) => !shared).flatMap(({ files }) => files)
    for (const { path, value } of written) assert.equal(readFileSync(path, 'utf8').trim(), value, path)
    for (const { directory } of one.groups) assert.equal(statSync(directory).mode & 0o777, 0o755)
    writeFileSync(list, cpu)
    await make(two)
    assert.equal(readFileSync(list, 'utf8').trim(), cpu)
  } finally {
    await remove(one)
    assert(two.groups.every(({ directory }) => existsSync(directory)))
    await remove(two)
    assert(!two.groups.some(({ directory }) => existsSync(directory)))
  }
})
