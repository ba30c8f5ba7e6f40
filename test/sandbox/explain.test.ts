import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startContainer } from '../../src/container/start.ts'
import { readHostFacts } from '../../src/host/probe.ts'
import { planCommand, planSandbox } from '../../src/plan/plan-sandbox.ts'
import { Agent } from '../../src/process/agent.ts'
import type { Program } from '../../src/program/builder.ts'
import { parseOptions } from '../../src/sandbox/parse-options.ts'
import { openFolder } from './build.ts'
import { compare, expectedOf } from './compare-calls.ts'
import { trace } from './strace.ts'
import { eventually } from '../support/eventually.ts'
import { machineArch } from '../../src/linux/arch.ts'
import { syscallNumber } from '../../src/linux/syscalls.ts'

// What `carrel explain` prints and what strace sees of the real agent agree, call by call.

const folder = openFolder('explain')
after(() => rmSync(folder, { recursive: true }))

test('explainPlan() and strace agree on every call of every process', async () => {
  const root = await Agent.start()
  const facts = readHostFacts()
  const settings = parseOptions({ memory: '64M', pids: 32, hostname: 'traced', binds: [`${folder}:/home/user/data`] })
  const plan = planSandbox(settings, facts)
  const command = { path: '/bin/true', argv: ['true'], env: { A: 'b' }, workdir: '/', rlimits: plan.rlimits }
  const tracing = await trace(root.pid, join(folder, 'trace'))
  const box = await startContainer(root, plan, facts)
  const init = box.pid ?? assert.fail()
  assert.equal((await (await box.enter({ command, stdio: 'null' })).exited).kind, 'exited')
  // PID 1 goes on reaping after it has told the end: killed in the middle of a call, it leaves strace with half of the arguments.
  const call = (): string => readFileSync(`/proc/${init}/syscall`, 'utf8')
  await eventually(() => Number.parseInt(call()) === syscallNumber(machineArch(), 'ppoll'), call)
  await box.close()
  const calls = await tracing.stop()
  await root.close()

  const rootCalls = calls.get(root.pid) ?? []
  const owners = plan.owners.flatMap((owner) => expectedOf(owner.program))
  const whole = [...owners, ...expectedOf(plan.host.program), ...expectedOf(plan.leave as Program)]
  assert.equal(compare(rootCalls, whole), undefined)
  assert.equal(
    compare(calls.get(init) ?? [], [
      ...expectedOf(plan.init),
      ...expectedOf(plan.name),
      ...expectedOf(plan.fork.program),
    ]),
    undefined,
  )
  const executed =
    [...calls.values()].find((each) =>
      each.some(({ name, args }) => name === 'execve' && args.includes('"/bin/true"')),
    ) ?? []
  const at = executed.findIndex(({ name }) => name === 'execve')
  assert.equal(compare(executed.slice(0, at + 1), expectedOf(planCommand(plan, command))), undefined)
})
