import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import type { ExecOptions } from '../../src/process/exec.ts'
import type { Process } from '../../src/process/process.ts'
import type { Program } from '../../src/program/builder.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { descriptorsOf, statusField } from '../support/proc.ts'
import { requires } from '../support/requires.ts'

checkMachine()

const ENV = { PATH: '/usr/bin:/bin' }
const ORDINARY = 65_534

async function shell(root: Agent, script: string, options: ExecOptions = {}): Promise<Process> {
  return (await root.fork()).exec('/bin/sh', ['sh', '-c', script], { env: ENV, ...options })
}

const outputOf = (program: Process): Promise<string> => text(program.stdout as NonNullable<typeof program.stdout>)

/** How a program sees its standard streams. */
const streamsOf = (program: Process) => [0, 1, 2].map((number) => descriptorsOf(program.pid).get(number))

test('A02: stderr that goes where stdout goes: one pipe, in the order in which it was written', async () => {
  await using root = await Agent.start()
  const script = 'i=0; while [ $i -lt 50 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done; read _'
  const sh = await shell(root, script, { stdio: ['pipe', 'pipe', 'stdout'] })
  assert.equal(sh.stderr, null)
  // A shell that redirects has no standard output for a moment (dash: savefd()), and all three are of one look.
  const [, out, err] = await eventually(
    () => [streamsOf(sh)].find((streams) => !streams.includes(undefined)),
    () => 'it has no standard streams',
  )
  assert.match(out ?? '', /^pipe:/)
  assert.equal(err, out)
  sh.eof()
  const expected = Array.from({ length: 50 }, (_, i) => `out ${i}\nerr ${i}\n`).join('')
  assert.equal(await outputOf(sh), expected)
  await sh.exited
  const child = await root.fork()
  for (const stdio of [
    ['stdout', 'pipe', 'pipe'],
    ['pipe', 'stdout', 'pipe'],
  ]) {
    await assert.rejects(child.exec('/bin/true', ['true'], { stdio: stdio as never }), { name: 'InvalidInputError' })
  }
  await assert.rejects(child.exec('/bin/true', ['true'], { stdio: 'stdout' as never }), { field: 'stdio[0]' })
})

const drop = (p: Program): void => {
  p.setgroups([])
  p.setresgid(ORDINARY, ORDINARY, ORDINARY)
  p.setresuid(ORDINARY, ORDINARY, ORDINARY)
}

test(
  'exec({ prepare }): limits, ids and what leaves no room for another order take effect in the same message as the execve',
  requires({ root: true }),
  async () => {
    await using root = await Agent.start()
    const child = await root.fork()
    // With one descriptor to be had, no process to be made and no right left, nothing could be prepared order by order.
    const cat = await child.exec('/bin/cat', ['cat'], {
      env: ENV,
      prepare: (p) => {
        p.setrlimit('RLIMIT_NOFILE', { cur: 4, max: 4 })
        drop(p)
        // After setresuid(2), which would have the execve fail otherwise.
        p.setrlimit('RLIMIT_NPROC', { cur: 0, max: 0 })
        p.prctl('PR_SET_NO_NEW_PRIVS', 1)
        p.umask(0o027)
      },
    })
    const limits = readFileSync(`/proc/${cat.pid}/limits`, 'utf8')
    assert.match(limits, /^Max open files +4 +4 /m)
    assert.match(limits, /^Max processes +0 +0 /m)
    const four = Array.from({ length: 4 }, () => ORDINARY).join('\t')
    assert.deepEqual(
      ['Uid', 'Gid', 'Groups', 'NoNewPrivs', 'Umask'].map((field) => statusField(cat.pid, field)?.trim()),
      [four, four, '', '1', '0027'],
    )
    await cat.write('works')
    cat.eof()
    assert.equal(await outputOf(cat), 'works')
    await cat.exited
  },
)

test('exec({ prepare }): a new root is entered before the program is looked up', requires({ root: true }), async () => {
  await using root = await Agent.start()
  const folder = mkdtempSync(join(tmpdir(), 'carrel-prepare-'))
  mkdirSync(join(folder, 'inside'))
  writeFileSync(join(folder, 'inside', 'sh'), 'no program at all', { mode: 0o755 })
  const child = await root.fork()
  const prepare = (p: Program): void => {
    p.chroot(folder)
    p.chdir('/')
  }
  // Both are told by what execve finds there: a file that is no program, and none.
  await assert.rejects((await root.fork()).exec('/inside/sh', ['sh'], { prepare }), {
    call: 'execve',
    errno: 'ENOEXEC',
  })
  await assert.rejects(child.exec('/bin/sh', ['sh'], { prepare }), { call: 'execve', errno: 'ENOENT' })
  rmSync(folder, { recursive: true })
})

test('A13: a step of prepare that fails is named, and the agent stays usable: it may execute again', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const mine = descriptorsOf('self').size
  const failing = child.exec('/bin/true', ['true'], {
    prepare: (p) => {
      p.umask(0o022)
      p.chdir('/does/not/exist')
      p.umask(0o077)
    },
  })
  await assert.rejects(failing, (error: Error & Record<string, unknown>) => {
    assert.equal(error.name, 'SyscallError')
    assert.deepEqual([error['call'], error['errno'], error['feature']], ['chdir', 'ENOENT', 'prepare'])
    assert.match(String(error['args']), /does\/not\/exist/)
    return true
  })
  assert.equal(await child.sys.getpid(), child.pid)
  assert.equal(await child.sys.umask(0o022), 0o022)
  assert.equal(descriptorsOf('self').size, mine)
  const sh = await child.exec('/bin/sh', ['sh', '-c', 'pwd; umask'], { prepare: (p) => p.chdir('/usr') })
  assert.equal(await outputOf(sh), '/usr\n0022\n')
  await sh.exited
})

test('exec({ prepare }): the steps come with the descriptors in place and no signal blocked, and may block some', async () => {
  await using root = await Agent.start()
  const sh = await shell(root, 'echo from the program; read _', {
    prepare: (p) => {
      p.syscall('write', 1, 'from the steps\n', 15)
      p.rt_sigprocmask('SIG_BLOCK', ['SIGUSR1'])
    },
  })
  assert.equal(statusField(sh.pid, 'SigBlk')?.trim(), '0000000000000200')
  sh.eof()
  assert.equal(await outputOf(sh), 'from the steps\nfrom the program\n')
  await sh.exited
})

test('exec({ prepare }): what it throws is the caller’s, and nothing was executed', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const mine = descriptorsOf('self').size
  const prepare = (): void => {
    throw new RangeError('not this time')
  }
  await assert.rejects(child.exec('/bin/true', ['true'], { prepare }), RangeError)
  assert.equal(await child.sys.getpid(), child.pid)
  assert.equal(descriptorsOf('self').size, mine)
})

test('an unknown word for a stream is refused before anything is opened', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const mine = descriptorsOf('self').size
  for (const [stdio, field] of [
    [['pipe', 'pipe', 'wrong'], 'stdio[2]'],
    [['pipe', 'pipe'], 'stdio'],
    [['pipe', -1, 'pipe'], 'stdio[1]'],
  ] as const) {
    await assert.rejects(child.exec('/bin/true', ['true'], { stdio: stdio as never }), {
      name: 'InvalidInputError',
      field,
    })
  }
  assert.equal(descriptorsOf('self').size, mine)
  await (
    await child.exec('/bin/true')
  ).exited
})
