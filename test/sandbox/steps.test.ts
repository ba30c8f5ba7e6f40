import assert from 'node:assert/strict'
import { mkdtempSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { SyscallError } from '../../src/base/errors.ts'
import { Cradle } from '../../src/container/cradle.ts'
import { startContainer } from '../../src/container/start.ts'
import { readHostFacts } from '../../src/host/probe.ts'
import { Ref } from '../../src/linux/ref.ts'
import type { HostProgram } from '../../src/plan/host-program.ts'
import { planCommand, planSandbox, type SandboxPlan } from '../../src/plan/plan-sandbox.ts'
import { Agent } from '../../src/process/agent.ts'
import { Member } from '../../src/process/tree/member.ts'
import type { RunOptions } from '../../src/process/caller.ts'
import type { Process } from '../../src/process/process.ts'
import type { Program } from '../../src/program/builder.ts'
import { failing } from '../../src/program/failing.ts'
import type { SandboxOptions } from '../../src/sandbox/index.ts'
import { parseOptions } from '../../src/sandbox/parse-options.ts'
import { assertNothingLeft, groupsOf, holdings, type Holdings, recordsOf } from './leaks.ts'

// The law: whichever step of a start fails, the error names it, and the host is as before.

const facts = readHostFacts()
const folder = mkdtempSync(join(tmpdir(), 'carrel-steps-'))
writeFileSync(join(folder, 'file'), '')
// Everything that adds steps: groups, binds with an owner, a capability, limits of each process.
const OPTIONS: SandboxOptions = {
  ...{ memory: '64M', pids: 32, cpus: 1, capabilities: ['CAP_CHOWN'], rlimits: { RLIMIT_NOFILE: 64 } },
  binds: [`${folder}:/home/user/data`, `${join(folder, 'file')}:/home/user/file:ro`],
}

let root: Agent
let clean: Holdings
before(async () => {
  root = await Agent.start()
  const box = await startContainer(root, newPlan(), facts)
  await box.close()
  clean = holdings()
})
after(async () => {
  await root.close()
  rmSync(folder, { recursive: true })
})

const newPlan = (): SandboxPlan => planSandbox(parseOptions(OPTIONS), facts)

/** The same program with one step that fails, and its references re-bound to it. */
function failingHost({ program, pid }: HostProgram, index: number): HostProgram {
  const broken = failing(program, index)
  return { program: broken, pid: new Ref(broken, pid.word, pid.label) }
}

/** A start that must fail at a step of a program. */
async function assertStepFails(plan: SandboxPlan, program: Program, index: number): Promise<void> {
  let error: unknown
  try {
    await (await startContainer(root, plan, facts, { timeoutMs: 20_000 })).close()
  } catch (caught) {
    error = caught
  }
  assertNames(error, program, index)
}

function assertNames(error: unknown, program: Program, index: number): void {
  const step = program.steps[index]
  const where = `step ${index}, ${step?.name}`
  assert.ok(error instanceof SyscallError, `${where}: ${String(error)}`)
  assert.deepEqual([error.step, error.call, error.feature], [index, step?.name, step?.feature], where)
  assert.deepEqual(error.cleanup, [], where)
}

async function everyStep(program: Program, fail: (index: number) => Promise<void>): Promise<void> {
  for (const index of program.steps.keys()) {
    await fail(index)
    if (index % 20 === 19 || index === program.steps.length - 1) await assertNothingLeft(clean)
  }
}

test('startContainer() undoes a start that fails at any step of the host program', async () => {
  await everyStep(newPlan().host.program, async (index) => {
    const plan = newPlan()
    await assertStepFails({ ...plan, host: failingHost(plan.host, index) }, plan.host.program, index)
  })
})

test('startContainer() undoes a start that fails at any step of the first process', async () => {
  await everyStep(newPlan().init, async (index) => {
    const plan = newPlan()
    await assertStepFails({ ...plan, init: failing(plan.init, index) }, plan.init, index)
  })
})

test('startContainer() undoes a start that fails at any step that names the sandbox', async () => {
  await everyStep(newPlan().name, async (index) => {
    const plan = newPlan()
    await assertStepFails({ ...plan, name: failing(plan.name, index) }, plan.name, index)
  })
})

test('startContainer() undoes a start whose first process is made by a cradle', async () => {
  const cradle = await Cradle.start(root, parseOptions({}), facts)
  const { agent } = cradle
  const idle = holdings()
  try {
    const { steps } = planSandbox(parseOptions({}), facts, cradle.facts).host.program
    for (let index = 0; index < steps.length; index += 3) {
      const plan = planSandbox(parseOptions({}), facts, cradle.facts)
      const maker = { agent, used: () => {} }
      const broken = { ...plan, host: failingHost(plan.host, index) }
      const error: unknown = await startContainer(root, broken, facts, { maker }).catch((caught: unknown) => caught)
      assertNames(error, plan.host.program, index)
    }
    await assertNothingLeft(idle)
  } finally {
    await agent.close()
  }
  await assertNothingLeft(clean)
})

test('startContainer() undoes a start that fails at any step of any map for a bind', async () => {
  const { owners } = newPlan()
  assert.equal(owners.length, 2)
  for (const [number, owner] of owners.entries()) {
    await everyStep(owner.program, async (index) => {
      const plan = newPlan()
      const broken = plan.owners.map((each, at) => (at === number ? failingHost(each, index) : each))
      await assertStepFails({ ...plan, owners: broken }, owner.program, index)
    })
  }
})

/** What the clean-up was kept from. */
function tidyUp(): void {
  for (const directory of groupsOf(process.pid)) rmdirSync(directory)
  for (const file of recordsOf(process.pid)) unlinkSync(file)
}

test('startContainer() reports the first error when the clean-up fails too, which is attached', async () => {
  const plan = newPlan()
  assert.ok(plan.leave)
  const broken = { ...plan, init: failing(plan.init, 5), leave: failing(plan.leave, 0) }
  const error: unknown = await startContainer(root, broken, facts).catch((caught: unknown) => caught)
  assert.ok(error instanceof SyscallError)
  assert.equal(error.step, 5)
  assert.equal(error.cleanup.length, 1)
  assert.ok(error.cleanup[0] instanceof SyscallError)
  tidyUp()
  await assertNothingLeft(clean)
})

test('Container.close() names every step of the removal that fails', async () => {
  const count = newPlan().leave?.steps.length ?? 0
  assert.ok(count > 0)
  for (let index = 0; index < count; index++) {
    const plan = newPlan()
    assert.ok(plan.leave)
    const box = await startContainer(root, { ...plan, leave: failing(plan.leave, index) }, facts)
    const error: unknown = await box.close().catch((caught: unknown) => caught)
    assertNames(error, plan.leave, index)
    tidyUp()
    await assertNothingLeft(clean)
  }
})

/** Breaks a step of every program that is listed like this one, wherever it is run, until the test is over. */
function breakStep(context: TestContext, like: Program, index: number): void {
  const listing = String(like)
  // oxlint-disable-next-line typescript/unbound-method -- called with the member as `this` below
  const { attempt } = Member.prototype
  context.mock.method(Member.prototype, 'attempt', function (this: Member, p: Program, options?: RunOptions) {
    return attempt.call(this, String(p) === listing ? failing(p, index) : p, options)
  })
}

test('Container.enter() undoes a command that fails at any step, and the sandbox goes on', async (context) => {
  const plan = newPlan()
  const box = await startContainer(root, plan, facts)
  const command = { path: '/bin/true', argv: ['true'], env: {}, workdir: '/', rlimits: plan.rlimits }
  const enter = (): Promise<Process> => box.enter({ command, stdio: 'null', timeoutMs: 20_000 })
  await (
    await enter()
  ).exited
  const idle = holdings()
  for (const part of [plan.fork.program, planCommand(plan, command)]) {
    for (const index of part.steps.keys()) {
      breakStep(context, part, index)
      const error: unknown = await enter().catch((caught: unknown) => caught)
      assertNames(error, part, index)
      context.mock.restoreAll()
    }
    await assertNothingLeft(idle)
  }
  assert.equal((await (await enter()).exited).kind, 'exited')
  await box.close()
  await assertNothingLeft(clean)
})
