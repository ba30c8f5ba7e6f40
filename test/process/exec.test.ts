import assert from 'node:assert/strict'
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from '../../src/process/agent.ts'
import type { ExecOptions } from '../../src/process/exec.ts'
import type { Process } from '../../src/process/process.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { descriptorsOf, seen, statusField } from '../support/proc.ts'
import { requires } from '../support/requires.ts'
import { startScript } from '../support/node-script.ts'

checkMachine()

const ORDINARY = 65_534

interface Output {
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

async function outputOf(program: Process): Promise<Output> {
  const [stdout, stderr, exit] = await Promise.all([
    program.stdout ? text(program.stdout) : '',
    program.stderr ? text(program.stderr) : '',
    program.exited,
  ])
  return { code: exit.kind === 'exited' ? exit.code : exit.signal, stdout, stderr }
}

async function shell(agent: Agent, script: string, options?: ExecOptions): Promise<Output> {
  const child = await agent.fork()
  return outputOf(await child.exec('/bin/sh', ['sh', '-c', script], options))
}

test('A12: exec() replaces the agent: same pid, output and exit code of the program', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const sh = await child.exec('/bin/sh', ['sh', '-c', 'echo $$; echo problem >&2; exit 42'])
  assert.equal(sh.pid, child.pid)
  assert.deepEqual(await outputOf(sh), { code: 42, stdout: `${child.pid}\n`, stderr: 'problem\n' })
})

test('A13: a failed exec() names the error and leaves the agent usable, with nothing open', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const mine = descriptorsOf('self').size
  await assert.rejects(child.exec('/does/not/exist'), { name: 'SyscallError', call: 'execve', errno: 'ENOENT' })
  await assert.rejects(child.exec('/etc/passwd'), { name: 'SyscallError', errno: 'EACCES' })
  await assert.rejects(child.exec('/bin/true', ['true'], { cwd: '/does/not/exist' }), {
    call: 'chdir',
    errno: 'ENOENT',
  })
  await assert.rejects(child.exec('no-such-command-anywhere'), { name: 'SyscallError', errno: 'ENOENT' })
  await assert.rejects(child.exec('/does/not/exist', ['x'], { stdio: 'pty' }), { errno: 'ENOENT' })
  assert.equal(await child.sys.getpid(), child.pid)
  await eventually(
    () => descriptorsOf('self').size === mine,
    () => `${mine} descriptors, there are ${descriptorsOf('self').size}`,
  )
  assert.equal((await outputOf(await child.exec('/bin/echo', ['echo', 'still']))).stdout, 'still\n')
})

test('A14: the root itself may execute a program', async () => {
  const root = await Agent.start()
  const sh = await root.exec('/bin/sh', ['sh', '-c', 'echo root; exit 3'])
  assert.deepEqual(await outputOf(sh), { code: 3, stdout: 'root\n', stderr: '' })
})

test('exec(): argv0, environment (empty by default), working directory', async () => {
  await using root = await Agent.start()
  const dump = 'tr "\\0" "\\n" < /proc/self/environ'
  assert.equal((await shell(root, 'cat /proc/$$/environ')).stdout, '')
  assert.equal(
    (await outputOf(await (await root.fork()).exec('/usr/bin/env', ['env'], { env: { B: '2', A: 'x=y z' } }))).stdout,
    'B=2\nA=x=y z\n',
  )
  assert.ok((await shell(root, dump, { env: { KEY: 'value' } })).stdout.includes('KEY=value'))
  const named = await (
    await root.fork()
  ).exec('/bin/sh', ['sh', '-c', 'tr "\\0" " " < /proc/$$/cmdline'], { argv0: 'shown' })
  assert.match((await outputOf(named)).stdout, /^shown -c /)
  assert.equal((await shell(root, 'pwd', { cwd: '/usr' })).stdout, '/usr\n')
  await assert.rejects((await root.fork()).exec('/bin/true', ['true'], { env: { 'A=B': '' } }), {
    name: 'InvalidInputError',
    field: 'env.A=B',
  })
})

test('A36: stdin is written and ended, stdout and stderr are separate', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const sh = await child.exec('/bin/sh', ['sh', '-c', 'tr a-z A-Z; echo done >&2'])
  sh.stdin?.write('some ')
  sh.stdin?.end('text')
  assert.deepEqual(await outputOf(sh), { code: 0, stdout: 'SOME TEXT', stderr: 'done\n' })
})

test('stdio: null reads as empty and swallows, a descriptor is used as it is and stays open here', async () => {
  await using root = await Agent.start()
  assert.deepEqual(await shell(root, 'wc -c; echo lost', { stdio: 'null' }), { code: 0, stdout: '', stderr: '' })
  const folder = mkdtempSync(join(tmpdir(), 'carrel-exec-'))
  const file = openSync(join(folder, 'out'), 'w+')
  const result = await shell(root, 'echo to the file; echo to the pipe >&2', { stdio: ['null', file, 'pipe'] })
  assert.deepEqual(result, { code: 0, stdout: '', stderr: 'to the pipe\n' })
  assert.equal(readFileSync(join(folder, 'out'), 'utf8'), 'to the file\n')
  assert.ok(descriptorsOf('self').has(file))
  closeSync(file)
  rmSync(folder, { recursive: true })
  await assert.rejects(shell(root, 'true', { stdio: 'wrong' as 'null' }), {
    name: 'InvalidInputError',
    field: 'stdio[0]',
  })
})

test('stdio: inherit is this process’s own stream', async () => {
  const script = startScript('test/process/scripts/inherit.ts')
  assert.deepEqual(await script.ended, {
    code: 0,
    signal: null,
    stdout: 'out of the program\n',
    stderr: 'err of the program\n',
  })
})

test('A11, X11: only 0, 1, 2 and the named descriptors reach a program', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  // Left open without close-on-exec: it does not reach the program all the same.
  await child.sys.openat('AT_FDCWD', '/', ['O_RDONLY'])
  const kept = await child.sys.openat('AT_FDCWD', '/dev', ['O_RDONLY', 'O_CLOEXEC'])
  const mine = openSync('/dev/zero', 'r')
  const program = await child.exec('/bin/sh', ['sh', '-c', 'read _'], { descriptors: { 7: mine, 5: { agent: kept } } })
  if (process.getuid?.() === 0) {
    // The loader opens libraries, one after the other, before the shell has its own.
    const numbers = () => [...descriptorsOf(program.pid).keys()].sort((a, b) => a - b).join()
    await eventually(() => numbers() === '0,1,2,5,7', numbers)
    const found = descriptorsOf(program.pid)
    assert.deepEqual([found.get(5), found.get(7)], ['/dev', '/dev/zero'])
  }
  program.stdin?.end('\n')
  await program.exited
  closeSync(mine)
  // Tried one by one: a pattern would open a folder of its own.
  const tries = 'i=0; while [ $i -lt 300 ]; do [ -e /proc/$$/fd/$i ] && echo $i; i=$((i+1)); done'
  assert.equal((await shell(root, tries)).stdout, '0\n1\n2\n')
})

test('descriptors may cross: each reaches the number that it was named for', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const a = await child.sys.openat('AT_FDCWD', '/dev/null', ['O_RDONLY', 'O_CLOEXEC'])
  const b = await child.sys.openat('AT_FDCWD', '/dev/zero', ['O_RDONLY', 'O_CLOEXEC'])
  const program = await child.exec('/bin/sh', ['sh', '-c', `readlink /proc/self/fd/${a} /proc/self/fd/${b}`], {
    descriptors: { [a]: { agent: b }, [b]: { agent: a } },
  })
  assert.equal((await outputOf(program)).stdout, '/dev/zero\n/dev/null\n')
  await assert.rejects(shell(root, 'true', { descriptors: { 2: 0 } }), {
    name: 'InvalidInputError',
    field: 'descriptors',
  })
})

test(
  'A57: a file that only root may open is opened, privileges are dropped, the program reads it',
  requires({ root: true }),
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'carrel-exec-'))
    const secret = join(folder, 'secret')
    writeFileSync(secret, 'for root only\n')
    chmodSync(secret, 0o600)
    await using root = await Agent.start()
    const child = await root.fork()
    const fd = await child.sys.openat('AT_FDCWD', secret, ['O_RDONLY', 'O_CLOEXEC'])
    await child.sys.setgroups([])
    await child.sys.setresgid(ORDINARY, ORDINARY, ORDINARY)
    await child.sys.setresuid(ORDINARY, ORDINARY, ORDINARY)
    const script = `cat <&5; cat ${secret} 2>&1; id -u; id -G`
    const result = await outputOf(
      await child.exec('/bin/sh', ['sh', '-c', script], {
        env: { PATH: '/usr/bin:/bin' },
        descriptors: { 5: { agent: fd } },
      }),
    )
    assert.match(result.stdout, new RegExp(`^for root only\ncat: .*Permission denied\n${ORDINARY}\n${ORDINARY}\n$`))
    rmSync(folder, { recursive: true })
  },
)

test('a program starts with no signal blocked or ignored, even when the agent watches some', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  child.watchSignals(['SIGUSR1', 'SIGTERM', 'SIGINT', 'SIGPIPE'])
  const cat = await child.exec('/bin/cat', ['cat', '/proc/self/status'])
  const { stdout } = await outputOf(cat)
  for (const field of ['SigBlk', 'SigIgn', 'SigCgt'])
    assert.match(stdout, new RegExp(`^${field}:\\s*0000000000000000$`, 'm'))
  const sleeper = await (await root.fork()).exec('/bin/sleep', ['sleep', '1000'])
  assert.equal(statusField(sleeper.pid, 'SigBlk'), '0000000000000000')
  assert.equal(sleeper.kill('SIGTERM'), true)
  const exit = await sleeper.exited
  assert.ok(exit.kind === 'signaled' && exit.signal === 'SIGTERM')
  assert.equal(sleeper.kill(), false)
})

test('X22: a program whose output nobody reads is stopped by the kernel, and goes on when somebody does', async () => {
  await using root = await Agent.start()
  const yes = await (await root.fork()).exec('/usr/bin/yes')
  const switches = () => statusField(yes.pid, 'voluntary_ctxt_switches')
  await eventually(
    async () => {
      const before = switches()
      await sleep(50)
      return seen(yes.pid)?.state === 'S' && switches() === before
    },
    () => `yes does not sleep in one write, it is ${seen(yes.pid)?.state}`,
  )
  assert.ok((yes.stdout?.readableLength ?? 0) < 1 << 20)
  let bytes = 0
  for await (const chunk of yes.stdout ?? []) {
    bytes += (chunk as Buffer).length
    if (bytes > 8 << 20) break
  }
  assert.ok(bytes > 8 << 20)
  await yes[Symbol.asyncDispose]()
})

test('large output arrives whole and in order before its end', async () => {
  await using root = await Agent.start()
  const seq = await (await root.fork()).exec('/usr/bin/seq', ['seq', '200000'])
  const { stdout } = await outputOf(seq)
  const lines = stdout.split('\n')
  assert.equal(lines.length, 200_001)
  assert.equal(lines[123_455], '123456')
})

test('A31: the output of programs that end at once is never lost, whoever is told first', async () => {
  await using root = await Agent.start()
  for (let round = 0; round < 50; round++) {
    assert.deepEqual(await shell(root, 'echo out; echo err >&2'), { code: 0, stdout: 'out\n', stderr: 'err\n' })
  }
})

test('/dev/stdout and /dev/stderr can be opened: they are real pipes', async () => {
  await using root = await Agent.start()
  assert.deepEqual(await shell(root, 'echo a > /dev/stdout; echo b > /dev/stderr'), {
    code: 0,
    stdout: 'a\n',
    stderr: 'b\n',
  })
})

test('a program that closes its stdin does not fail the one who writes to it', async () => {
  await using root = await Agent.start()
  const program = await (await root.fork()).exec('/bin/true')
  await program.exited
  program.stdin?.write('too late')
  program.stdin?.end()
})

test('exec() searches a name without a slash in the PATH that it gives the program', async () => {
  await using root = await Agent.start()
  const program = await (await root.fork()).exec('echo', ['echo', 'found'], { env: { PATH: '/does/not/exist:/bin' } })
  assert.equal((await outputOf(program)).stdout, 'found\n')
})

test('20 programs of one agent at once each have their own output and exit code', async () => {
  await using root = await Agent.start()
  const results = await Promise.all(Array.from({ length: 20 }, (_, i) => shell(root, `echo ${i}; exit ${i}`)))
  assert.deepEqual(
    results,
    Array.from({ length: 20 }, (_, i) => ({ code: i, stdout: `${i}\n`, stderr: '' })),
  )
})

test('A17: the end of a program is told although a grandchild keeps its pipes open', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const sh = await child.exec('/bin/sh', ['sh', '-c', 'sleep 1000 & exit 6'])
  const exit = await sh.exited
  assert.ok(exit.kind === 'exited' && exit.code === 6)
  assert.equal(await root.sys.getpid(), root.pid)
})

test('output that nobody reads is let go of when the program has ended', async () => {
  await using root = await Agent.start()
  const mine = descriptorsOf('self').size
  const echo = await (await root.fork()).exec('/bin/echo', ['echo', 'unread'])
  await echo.exited
  await eventually(
    () => descriptorsOf('self').size === mine,
    () => `${mine} descriptors, there are ${descriptorsOf('self').size}`,
  )
})
