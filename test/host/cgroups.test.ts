import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Limits } from '../../src/features/cgroups/limits.ts'
import { planCgroups } from '../../src/features/cgroups/plan-cgroups.ts'
import type { CgroupPlan, PlanCgroupsOptions } from '../../src/features/cgroups/plan-cgroups.ts'
import { mergeUsage, parseReading } from '../../src/features/cgroups/readings.ts'
import type { Usage } from '../../src/features/cgroups/readings.ts'
import { readHostFacts } from '../../src/host/probe.ts'

const { cgroups } = readHostFacts()

interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly usage: Usage
}

/** Runs a shell script in the groups of a plan: joins first, then becomes the script. */
function runIn(plan: CgroupPlan, script: string): Outcome {
  for (const { path, value } of plan.enable) writeFileSync(path, value)
  try {
    for (const { directory, files } of plan.groups) {
      mkdirSync(directory)
      for (const { path, value } of files) writeFileSync(path, value)
    }
    const join = plan.join.map(({ path }) => `echo $$ > ${path}`).join(' && ')
    const { status, stdout } = spawnSync('sh', ['-c', `${join} && exec sh -c "$1" 2>&1`, 'sh', script], {
      encoding: 'utf8',
    })
    const readings = plan.readings.filter(({ path, optional }) => !optional || existsSync(path))
    return {
      status,
      stdout,
      usage: mergeUsage(readings.map(({ path, format }) => parseReading(format, readFileSync(path, 'utf8')))),
    }
  } finally {
    for (const directory of plan.remove) if (existsSync(directory)) removeEmptied(directory)
  }
}

/** A shell that could not fork leaves its children behind, and a group goes only after its last process. */
function removeEmptied(directory: string): void {
  const deadline = Date.now() + 5_000
  while (readFileSync(`${directory}/cgroup.procs`, 'utf8') !== '' && Date.now() < deadline) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
  }
  rmdirSync(directory)
}

let count = 0

/** A plan for this machine, or undefined (and a skipped test) when it cannot enforce one of the limits. */
function planHere(t: TestContext, limits: Limits, options: Partial<PlanCgroupsOptions> = {}): CgroupPlan | undefined {
  const plan = planCgroups(limits, cgroups, { name: `carrel-test-${process.pid}-${count++}`, ...options })
  const [refused] = plan.notApplied
  if (refused) t.skip(`${refused.limit}: ${refused.reason}`)
  return refused ? undefined : plan
}

test('planCgroups() bounds processes: forks above the limit fail and are counted', (t) => {
  const plan = planHere(t, { pids: 5 })
  if (!plan) return
  const { stdout, usage } = runIn(plan, 'for i in 1 2 3 4 5 6 7 8; do sleep 0.2 & done; wait')
  assert.match(stdout, /fork/i)
  assert((usage.pids ?? 6) <= 5)
  assert((usage.forksRefused ?? 1) > 0)
  if (usage.pidsPeak !== undefined) assert.equal(usage.pidsPeak, 5)
})

test('planCgroups() bounds memory with swap: a hog is killed, the counter says so and the peak is the limit', (t) => {
  const memoryBytes = 64 * 2 ** 20
  const plan = planHere(t, { memoryBytes })
  if (!plan) return
  const { stdout, usage } = runIn(plan, 'head -c 256M /dev/zero | tail -c 256M | wc -c; echo survived')
  assert.match(stdout, /survived/, 'only the process that was too big dies')
  assert.equal(usage.oomKills, 1)
  const peak = usage.memoryPeakBytes ?? memoryBytes
  assert(peak <= memoryBytes && peak > 0.9 * memoryBytes, String(peak))
})

test('planCgroups() bounds CPU time to the quota', (t) => {
  const plan = planHere(t, { cpus: 0.2 }, { account: ['cpu'] })
  if (!plan) return
  const { usage } = runIn(plan, 'timeout 1 sh -c "while :; do :; done"')
  assert(usage.cpuUs !== undefined && usage.cpuUs > 50_000 && usage.cpuUs < 350_000, JSON.stringify(usage))
  assert((usage.throttledPeriods ?? 1) > 0)
})

test('planCgroups() binds to CPUs and sets weights', (t) => {
  const cpus = cgroups.controllers.cpuset?.cpus ?? '0'
  const last = /\d+$/.exec(cpus)?.[0] ?? '0'
  const plan = planHere(t, { cpuset: last, cpuWeight: 50 })
  if (!plan) return
  const { stdout } = runIn(plan, 'grep Cpus_allowed_list /proc/self/status')
  assert.equal(stdout, `Cpus_allowed_list:\t${last}\n`)
})

test('planCgroups() offers a file that kills the whole group', (t) => {
  const plan = planHere(t, {}, { kill: true })
  if (!plan || plan.kill === null) return t.skip('no cgroup.kill here')
  const { status, stdout } = runIn(plan, `echo before; echo 1 > ${plan.kill}; sleep 5; echo after`)
  assert.deepEqual([status, stdout], [null, 'before\n'])
})
