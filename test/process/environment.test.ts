import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import { checkMachine } from '../support/machine-check.ts'

checkMachine()

/** What a program that was executed without an `env` has, as the kernel shows it. */
async function kernelView(agent: Agent): Promise<readonly string[]> {
  const program = await (await agent.fork()).exec('/bin/cat', ['cat', '/proc/self/environ'])
  const chunks: Buffer[] = []
  for await (const chunk of program.stdout) chunks.push(chunk as Buffer)
  await program.exited
  return Buffer.concat(chunks).toString('utf8').split('\0').slice(0, -1)
}

test('C18: environ() is what the programs of the agent get, empty unless set', async () => {
  await using root = await Agent.start()
  assert.deepEqual(root.environ(), [])
  assert.deepEqual(await kernelView(root), [])
  root.setenv('A', 'x=y z')
  root.setenv('EMPTY', '')
  assert.deepEqual(await kernelView(root), ['A=x=y z', 'EMPTY='])
  assert.deepEqual(root.environ(), ['A=x=y z', 'EMPTY='])
})

test('C72, X27: setenv() replaces a variable, or keeps it without overwrite; each name is there once', async () => {
  await using root = await Agent.start({ env: { A: '1' } })
  root.setenv('A', '2')
  root.setenv('B', '3', false)
  root.setenv('B', '4', false)
  assert.deepEqual(await kernelView(root), ['A=2', 'B=3'])
  assert.throws(() => root.setenv('A=B', ''), { name: 'InvalidInputError', field: 'env.A=B' })
})

test('C30: getenv() gives the value, or undefined', async () => {
  await using root = await Agent.start({ env: { A: '1', EMPTY: '' } })
  assert.deepEqual([root.getenv('A'), root.getenv('EMPTY'), root.getenv('B')], ['1', '', undefined])
})

test('C94: unsetenv() takes a variable out', async () => {
  await using root = await Agent.start({ env: { A: '1', B: '2' } })
  root.unsetenv('A')
  root.unsetenv('NEVER_SET')
  assert.deepEqual(await kernelView(root), ['B=2'])
})

test('C12: clearenv() leaves nothing', async () => {
  await using root = await Agent.start({ env: { A: '1', B: '2' } })
  root.clearenv()
  assert.deepEqual(await kernelView(root), [])
})

test('C18: a child has a copy of its parent’s environment from the moment it is made', async () => {
  await using root = await Agent.start({ env: { A: '1' } })
  const child = await root.fork()
  root.setenv('A', 'later')
  child.setenv('B', 'own')
  assert.deepEqual(await kernelView(child), ['A=1', 'B=own'])
  assert.deepEqual(await kernelView(root), ['A=later'])
  const grandchild = await child.clone(['CLONE_NEWUSER'])
  assert.deepEqual(grandchild.environ(), ['A=1', 'B=own'])
})

test('A62: an env given to exec() is the whole one, and what the program reads with getenv(3)', async () => {
  await using root = await Agent.start({ env: { TERM: 'dumb', LANG: 'C' } })
  const program = await (await root.fork()).exec('/usr/bin/env', ['env'], { env: { TERM: 'xterm' } })
  const chunks: Buffer[] = []
  for await (const chunk of program.stdout) chunks.push(chunk as Buffer)
  assert.equal(Buffer.concat(chunks).toString(), 'TERM=xterm\n')
  await program.exited
})

test('D-A09: an environment of more than 64 KiB is kept, read and given to a program', async () => {
  await using root = await Agent.start()
  for (let i = 0; i < 1000; i++) root.setenv(`NAME_${i}`, 'v'.repeat(80))
  const wanted = Array.from({ length: 1000 }, (_, i) => `NAME_${i}=${'v'.repeat(80)}`)
  assert.ok(wanted.join('\0').length > 75_000)
  assert.deepEqual(root.environ(), wanted)
  assert.deepEqual(await kernelView(root), wanted)
  assert.equal(await root.sys.getpid(), root.pid)
})

test('C21: a name without a slash is searched in the PATH of the agent’s environment', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-path-'))
  try {
    writeFileSync(join(folder, 'carrel-here'), '#!/bin/sh\nexit 9\n', { mode: 0o755 })
    await using root = await Agent.start()
    await assert.rejects((await root.fork()).exec('carrel-here'), { errno: 'ENOENT' })
    root.setenv('PATH', folder)
    const program = await (await root.fork()).exec('carrel-here', ['carrel-here'], { stdio: 'null' })
    const exit = await program.exited
    assert.equal(exit.kind === 'exited' && exit.code, 9)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('C18: the agent’s own memory holds no environment of this process', async () => {
  process.env['CARREL_TEST_SECRET'] = 'secret'
  try {
    await using root = await Agent.start()
    assert.deepEqual(root.environ(), [])
    assert.ok(!readFileSync(`/proc/${root.pid}/environ`, 'utf8').includes('CARREL_TEST_SECRET'))
  } finally {
    delete process.env['CARREL_TEST_SECRET']
  }
})
