import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startContainer } from '../../src/container/start.ts'
import { readHostFacts } from '../../src/host/probe.ts'
import { planCommand, planSandbox } from '../../src/plan/plan-sandbox.ts'
import { Agent } from '../../src/process/agent.ts'
import type { Program } from '../../src/program/builder.ts'
import { printStep } from '../../src/program/listing.ts'
import { parseOptions } from '../../src/sandbox/parse-options.ts'
import { openFolder } from './build.ts'
import { trace, type Traced } from './strace.ts'

// What `carrel explain` prints and what strace sees of the real agent agree, call by call.

const folder = openFolder('explain')
after(() => rmSync(folder, { recursive: true }))

/** What an agent does beside its programs, with the arguments that it does it with. */
const AGENTS_OWN: Readonly<Record<string, RegExp>> = {
  // Waiting for orders and answering them: agent/loop.c, input.c, output.c, memory.c.
  ...{
    ppoll: /./,
    recvmsg: /./,
    sendmsg: /./,
    restart_syscall: /./,
    getpid: /^/,
    getppid: /^/,
    mmap: /MAP_ANONYMOUS/,
    munmap: /./,
  },
  // What a clone is checked for, and where a new child puts its descriptors: child.c, descriptors.c.
  ...{ fcntl: /F_GETFD|F_DUPFD_CLOEXEC/, dup3: /O_CLOEXEC/, close_range: /./, close: /^\d+$/ },
  // Signals of a new child, and children that ended: signals.c.
  ...{
    rt_sigprocmask: /SIG_SETMASK|SIG_BLOCK/,
    rt_sigaction: /./,
    signalfd4: /./,
    prctl: /PR_[GS]ET_PDEATHSIG/,
    wait4: /WNOHANG/,
    read: /, \d{3,}$/,
  },
}

interface Expected {
  readonly name: string
  /** The call as it is listed, for messages */
  readonly line: string
  /** What its arguments must show: names of flags, and texts (or how they begin, when a number follows) */
  readonly words: readonly string[]
  readonly texts: readonly string[]
}

const expectedOf = (program: Program): readonly Expected[] =>
  program.steps.flatMap((step) => printStep(step).map((line) => expected(line)))

function expected(line: string): Expected {
  const args = line.slice(line.indexOf('(') + 1, line.lastIndexOf(') ='))
  // Bytes with a NUL are a structure, which strace takes apart.
  const texts = [...args.matchAll(/"((?:[^"\\]|\\.)*)"/g)]
    .map(([, text = '']) => text.replace(/<r\d+>$/, ''))
    .filter((text) => !text.includes('\\0'))
  const bare = args.replace(/"(?:[^"\\]|\\.)*"/g, '').replace(/\/\*.*?\*\//g, '')
  return {
    line,
    name: line.slice(0, line.indexOf('(')),
    words: bare.match(/\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b/g) ?? [],
    texts,
  }
}

function agrees(wanted: Expected, { name, args }: Traced): boolean {
  return (
    name === wanted.name &&
    wanted.words.every((word) => args.includes(word)) &&
    wanted.texts.every((text) => args.includes(`"${text}`))
  )
}

/** Goes through what a process did; what is not the plan's must be the agent's own. Returns the first disagreement. */
function compare(calls: readonly Traced[], plan: readonly Expected[]): string | undefined {
  let next = 0
  for (const call of calls) {
    const wanted = plan[next]
    if (wanted && agrees(wanted, call)) next++
    else if (!AGENTS_OWN[call.name]?.test(call.args))
      return `strace: ${call.name}(${call.args}) = ${call.result}\nplan:   ${wanted?.line ?? 'nothing more'}`
  }
  const missing = plan[next]
  return missing && `the plan’s ${missing.line} was never made (${next} of ${plan.length} were)`
}

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
  await sleep(100)
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
