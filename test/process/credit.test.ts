import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from '../../src/process/agent.ts'
import type { ExecOptions } from '../../src/process/exec.ts'
import type { ProcessMessage } from '../../src/process/streams/messages.ts'
import type { Process } from '../../src/process/process.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { seen, statusField } from '../support/proc.ts'

checkMachine()

const ENV = { PATH: '/usr/bin:/bin' }

async function shell(root: Agent, script: string, options: ExecOptions = {}): Promise<Process> {
  return (await root.fork()).exec('/bin/sh', ['sh', '-c', script], { env: ENV, ...options })
}

/** Counts bytes as they come. */
function count(program: Process): { stdout: number; stderr: number } {
  const bytes = { stdout: 0, stderr: 0 }
  program.stdout?.on('data', (chunk: Buffer) => (bytes.stdout += chunk.length))
  program.stderr?.on('data', (chunk: Buffer) => (bytes.stderr += chunk.length))
  return bytes
}

const reaches = (holds: () => boolean, what: () => unknown) =>
  eventually(
    () => holds(),
    () => JSON.stringify(what()),
  )

/** The program sleeps in a write, and keeps doing so. */
async function isHeldUp(program: Process): Promise<void> {
  await reaches(
    () => seen(program.pid)?.state === 'S',
    () => seen(program.pid),
  )
  const before = statusField(program.pid, 'voluntary_ctxt_switches')
  await sleep(50)
  assert.equal(statusField(program.pid, 'voluntary_ctxt_switches'), before)
}

test('A41, X21: with a credit of n exactly n bytes are read, the kernel stops the writer, and a grant lets it go on', async () => {
  await using root = await Agent.start()
  const yes = await shell(root, 'exec yes', { credit: { stdout: 1001 } })
  const bytes = count(yes)
  await reaches(
    () => bytes.stdout === 1001,
    () => bytes,
  )
  await isHeldUp(yes)
  assert.deepEqual([bytes.stdout, yes.credit.stdout], [1001, 0])
  for (const more of [1, 22, 300_000, 3_000_000]) {
    const before = bytes.stdout
    yes.grant({ stdout: more })
    await reaches(
      () => bytes.stdout === before + more,
      () => bytes,
    )
    await isHeldUp(yes)
    assert.equal(bytes.stdout, before + more)
  }
  yes.grant(Infinity)
  await reaches(
    () => bytes.stdout > 32 << 20,
    () => bytes,
  )
  assert.equal(yes.credit.stdout, Infinity)
  await yes[Symbol.asyncDispose]()
})

test('A41: a credit of 0 reads nothing; stdout and stderr have credits of their own', async () => {
  await using root = await Agent.start()
  const sh = await shell(root, 'printf 0123456789; printf abcdefghij >&2; read _', { credit: { stdout: 0, stderr: 4 } })
  const bytes = count(sh)
  await reaches(
    () => bytes.stderr === 4,
    () => bytes,
  )
  await sleep(30)
  assert.deepEqual(bytes, { stdout: 0, stderr: 4 })
  assert.deepEqual(sh.credit, { stdout: 0, stderr: 0 })
  sh.grant(6)
  await reaches(
    () => bytes.stdout === 6 && bytes.stderr === 10,
    () => bytes,
  )
  assert.deepEqual(sh.credit, { stdout: 0, stderr: 0 })
  sh.eof()
  await sh.exited
  sh.grant({ stdout: 100 })
  await reaches(
    () => bytes.stdout === 10,
    () => bytes,
  )
})

test('A41: setCredit(0) stops the reading of a running program, setCredit(Infinity) switches the limit off', async () => {
  await using root = await Agent.start()
  const yes = await shell(root, 'exec yes')
  assert.deepEqual(yes.credit, { stdout: Infinity, stderr: Infinity })
  const bytes = count(yes)
  await reaches(
    () => bytes.stdout > 0,
    () => bytes,
  )
  yes.setCredit(0)
  const { stdout } = bytes
  await isHeldUp(yes)
  assert.equal(bytes.stdout, stdout)
  yes.setCredit({ stdout: Infinity })
  await reaches(
    () => bytes.stdout > stdout + (8 << 20),
    () => bytes,
  )
  await yes[Symbol.asyncDispose]()
})

test('A41: the end of a stream is told although the credit is used up to its last byte', async () => {
  await using root = await Agent.start()
  for (let round = 0; round < 20; round++) {
    const sh = await shell(root, 'printf 12345; exit 2', { credit: { stdout: 5, stderr: 0 } })
    const types: string[] = []
    for await (const { type } of sh.messages()) types.push(type)
    assert.deepEqual(types, ['stdout', 'stdout_closed', 'stderr_closed', 'stdin_closed', 'exited'])
  }
  const early = await shell(root, 'printf 12345; exec 1>&-; read _', { credit: 5 })
  const bytes = count(early)
  let ended = false
  early.stdout?.on('end', () => (ended = true))
  await reaches(
    () => ended,
    () => bytes,
  )
  assert.equal(bytes.stdout, 5)
  early.eof()
  await early.exited
})

test('A41, A31: what the credit does not allow does not hold back the end, and can be had later', async () => {
  await using root = await Agent.start()
  const sh = await shell(root, 'printf 0123456789; exit 9', { credit: 4 })
  const all: ProcessMessage[] = []
  const messages = sh.messages({ until: 'closed', closed: false })
  for await (const message of messages) {
    all.push(message)
    if (message.type === 'exited') sh.grant({ stdout: 100 })
  }
  const told = all.map((message) => ('data' in message ? Buffer.from(message.data).toString() : message.type))
  assert.deepEqual(told, ['0123', 'exited', '456789'])
})

test('P15: whoever holds the handle renews the credit, again and again, and nothing is lost', async () => {
  await using root = await Agent.start()
  const seq = await shell(root, 'seq 20000', { credit: { stdout: 0 } })
  const renewal = setInterval(() => seq.grant({ stdout: 4096 }), 1)
  let output = ''
  for await (const chunk of seq.stdout ?? []) output += String(chunk)
  clearInterval(renewal)
  assert.equal(output, Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join(''))
  await seq.exited
})

test('A41, A35: read() takes what the credit allows', async () => {
  await using root = await Agent.start()
  const sh = await shell(root, 'printf 0123456789', { credit: 3 })
  await sh.exited
  assert.equal(String(await sh.read()), '012')
  assert.equal((await sh.read())?.length, 0)
  sh.grant(7)
  assert.equal(String(await sh.read()), '3456789')
  assert.equal(await sh.read(), null)
})

test('A41: a credit that cannot be meant is refused before anything is executed', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const refused = (options: ExecOptions, field: string) =>
    assert.rejects(child.exec('/bin/true', ['true'], options), { name: 'InvalidInputError', field })
  await refused({ credit: -1 }, 'credit')
  await refused({ credit: { stderr: 1.5 } }, 'credit.stderr')
  await refused({ credit: { stderr: 10 }, stdio: ['null', 'pipe', 'null'] }, 'credit.stderr')
  await refused({ credit: 10, stdio: 'pty' }, 'credit')
  assert.equal(await child.sys.getpid(), child.pid)
  const quiet = await child.exec('/bin/true', ['true'], { credit: 10, stdio: ['null', 'pipe', 'null'] })
  assert.deepEqual(quiet.credit, { stdout: 10 })
  assert.throws(() => quiet.grant({ stderr: 1 }), { name: 'InvalidInputError', field: 'credit.stderr' })
  await quiet.exited
})
