import assert from 'node:assert/strict'
import { openSync, closeSync } from 'node:fs'
import { test } from 'node:test'
import { InvalidInputError, SyscallError } from '../../src/base/errors.ts'
import { Agent } from '../../src/process/agent.ts'
import { program } from '../../src/program/builder.ts'
import { checkMachine } from '../support/machine-check.ts'
import { descriptorsOf } from '../support/proc.ts'

checkMachine()

async function failureOf(promise: Promise<unknown>): Promise<SyscallError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof SyscallError, `a SyscallError is wanted, not ${String(error)}`)
  return error
}

/** How many descriptors an agent has, counted by itself: it may be unreadable from outside. */
async function openIn(agent: Agent): Promise<number> {
  const p = program()
  const folder = p.openat('AT_FDCWD', '/proc/self/fd', ['O_RDONLY', 'O_DIRECTORY', 'O_CLOEXEC'])
  const entries = p.getdents64(folder, 65_536)
  p.close(folder)
  return (await agent.run(p)).get(entries).length
}

test('X25: the error of a failed step names call, arguments, errno, step, feature and reason', async () => {
  await using agent = await Agent.start()
  const p = program()
  p.getpid()
  p.because('rootfs', 'The new root must be a mount point')
  p.openat('AT_FDCWD', '/does/not/exist', ['O_RDONLY', 'O_CLOEXEC'])
  p.getpid()
  const error = await failureOf(agent.run(p))
  const { call, args, errno, step, steps, feature, because } = error
  assert.deepEqual(
    { call, args, errno, step, steps, feature, because },
    {
      call: 'openat',
      args: 'AT_FDCWD, "/does/not/exist", O_RDONLY|O_CLOEXEC',
      errno: 'ENOENT',
      step: 1,
      steps: 3,
      feature: 'rootfs',
      because: 'The new root must be a mount point',
    },
  )
  assert.equal(
    error.message,
    'openat(AT_FDCWD, "/does/not/exist", O_RDONLY|O_CLOEXEC): ENOENT (step 1 of 3, rootfs): The new root must be a mount point',
  )
})

test('X25: a single call that fails is told without a step', async () => {
  await using agent = await Agent.start()
  const error = await failureOf(agent.sys.close(987))
  assert.equal(error.message, 'close(987): EBADF')
})

test('D-A10: descriptors that a failed program had opened are closed, those it found stay', async () => {
  await using agent = await Agent.start()
  const kept = await agent.sys.openat('AT_FDCWD', '/dev/null', ['O_RDONLY', 'O_CLOEXEC'])
  const before = await openIn(agent)
  for (let round = 0; round < 20; round++) {
    const p = program()
    p.openat('AT_FDCWD', '/', ['O_RDONLY', 'O_CLOEXEC'])
    p.pipe2(['O_CLOEXEC'])
    p.close(p.openat('AT_FDCWD', '/dev', ['O_RDONLY', 'O_CLOEXEC']))
    p.chdir('/does/not/exist')
    await failureOf(agent.run(p))
  }
  assert.equal(await openIn(agent), before)
  await agent.sys.close(kept)
})

test('D-A10: descriptors that came with a failed program are closed there and stay open here', async () => {
  await using agent = await Agent.start()
  const before = await openIn(agent)
  const mine = openSync('/dev/null', 'r')
  for (let round = 0; round < 20; round++) {
    const p = program()
    p.fcntl(p.attached(0), 'F_GETFD')
    p.chdir('/does/not/exist')
    await failureOf(agent.run(p, { descriptors: [mine] }))
  }
  assert.equal(await openIn(agent), before)
  assert.equal(descriptorsOf('self').get(mine), '/dev/null')
  closeSync(mine)
})

test('D-A10: a failed clone() leaves no descriptor on either side and no child', async () => {
  await using agent = await Agent.start()
  const before = await openIn(agent)
  const mine = descriptorsOf('self').size
  for (let round = 0; round < 20; round++) {
    const error = await failureOf(agent.clone(['CLONE_NEWNS', 'CLONE_FS']))
    assert.equal(error.errno, 'EINVAL')
    assert.equal(error.args, '{flags=CLONE_FS|CLONE_PIDFD|CLONE_NEWNS, exit_signal=SIGCHLD}, 88')
  }
  assert.equal(await openIn(agent), before)
  assert.equal(descriptorsOf('self').size, mine)
})

test('D-A19: clone flags that would put two processes on one stack are refused', async () => {
  await using agent = await Agent.start()
  for (const flag of ['CLONE_VM', 'CLONE_FILES', 'CLONE_SIGHAND', 'CLONE_THREAD', 'CLONE_VFORK'] as const) {
    await assert.rejects(agent.clone([flag]), { errno: 'EINVAL' }, flag)
  }
  assert.equal(await agent.sys.getpid(), agent.pid)
})

test('a tolerated error lets the program go on; the next step is not tolerated any more', async () => {
  await using agent = await Agent.start()
  const p = program()
  p.tolerate('ENOENT', 'ENOTDIR').chdir('/does/not/exist')
  const pid = p.getpid()
  const result = await agent.run(p)
  assert.equal(result.errno(0), 'ENOENT')
  assert.equal(result.get(pid), agent.pid)
  const q = program()
  q.tolerate('ENOTDIR').chdir('/does/not/exist')
  assert.equal((await failureOf(agent.run(q))).errno, 'ENOENT')
})

test('steps that use the result of a failed one are skipped with its error, and so are those that use theirs', async () => {
  await using agent = await Agent.start()
  const before = await openIn(agent)
  const p = program()
  const missing = p.tolerate('ENOENT').openat('AT_FDCWD', '/does/not/exist', ['O_RDONLY', 'O_CLOEXEC'])
  const copy = p.dup(missing)
  p.close(copy)
  p.close(missing)
  const pid = p.getpid()
  const result = await agent.run(p)
  assert.deepEqual(
    [0, 1, 2, 3].map((step) => result.errno(step)),
    ['ENOENT', 'ENOENT', 'ENOENT', 'ENOENT'],
  )
  assert.equal(result.get(pid), agent.pid)
  assert.equal(await openIn(agent), before)
})

test('references live within one program: another program refuses them, another result does not read them', async () => {
  await using agent = await Agent.start()
  const p = program()
  const fd = p.openat('AT_FDCWD', '/dev/null', ['O_RDONLY', 'O_CLOEXEC'])
  p.close(fd)
  const q = program()
  assert.throws(
    () => q.close(fd),
    (error) => error instanceof InvalidInputError && /another program/.test(error.message),
  )
  const result = await agent.run(program())
  assert.throws(() => result.get(fd), { name: 'InvalidInputError' })
})

test('a program that refers to descriptors that were not given, or that do not exist, is refused and the agent stays usable', async () => {
  await using agent = await Agent.start()
  const p = program()
  p.fcntl(p.attached(0), 'F_GETFD')
  await assert.rejects(agent.run(p), { name: 'InvalidInputError', field: 'descriptors' })
  const error = await failureOf(agent.run(p, { descriptors: [987_654], timeoutMs: 2000 }))
  assert.equal(error.call, 'sendmsg')
  assert.equal(error.errno, 'EBADF')
  assert.equal(await agent.sys.getpid(), agent.pid)
})

test('attempt() gives the failure as a value', async () => {
  await using agent = await Agent.start()
  const p = program()
  p.chdir('/does/not/exist')
  const result = await agent.attempt(p)
  assert.equal(result.failure?.errno, 'ENOENT')
  assert.equal(result.failure.call, 'chdir')
})

test('A32: what callers without types pass is refused before anything is sent, by name', async () => {
  await using root = await Agent.start()
  const untyped = root as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  const sys = root.sys as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  const cat = await (await root.fork()).exec('/bin/cat', ['cat'])
  const pipes = cat as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  const refused: readonly [() => unknown, RegExp][] = [
    [() => sys['syscall']?.('getpidd'), /There is no system call "getpidd": did you mean getpid/],
    [() => sys['getpid']?.({ timeout: 5 }), /no option "timeout": did you mean timeoutMs/],
    [() => untyped['run']?.(5), /A program is what program\(\) of carrel\/program makes, not 5/],
    [() => untyped['attempt']?.({}), /not Object object/],
    [() => untyped['onEnd']?.('x', null), /key is an integer/],
    [() => untyped['onEnd']?.(0, {}), /A program is what/],
    [() => untyped['getopt']?.(), /There is no option undefined/],
    [() => untyped['setUser']?.(), /user must be an object/],
    [() => untyped['fork']?.(null), /Options of fork\(\) are an object/],
    [() => untyped['exec']?.('/bin/true', ['true'], { lifetime: 'detach' }), /lifetime is attached or detached/],
    [() => untyped['exec']?.('/bin/true', ['true'], { cwdd: '/' }), /did you mean cwd/],
    [() => untyped['restrict']?.({ call: 'getpid' }), /call is true, false or a list of names/],
    [() => untyped['sigaction']?.('SIGCHLD', 'SIG_IGN'), /SIGCHLD/],
    [() => pipes['read']?.('stdin'), /name is stdout or stderr, not "stdin"/],
    [() => pipes['eof']?.('x'), /name is stdin or stdout or stderr, not "x"/],
    [() => pipes['write']?.(5), /data must be text or bytes, not 5/],
  ]
  for (const [call, message] of refused) {
    await assert.rejects(async () => call(), { name: 'InvalidInputError', message })
  }
  assert.equal(await root.sys.getpid(), root.pid)
  assert.equal(root.children, 1)
  assert.equal(await sys['getpid']?.({}), root.pid)
  assert.equal(await sys['getpid']?.(undefined), root.pid)
  cat.kill('SIGKILL')
  await cat.exited
})
