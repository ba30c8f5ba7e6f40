import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { SyscallError } from '../../src/base/errors.ts'
import { Agent } from '../../src/process/agent.ts'
import type { RunOptions } from '../../src/process/caller.ts'
import type { Operations } from '../../src/process/calls/operation.ts'
import { operationOf } from '../../src/process/calls/task.ts'
import type { Program } from '../../src/program/builder.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { descendants, namespaceOf, seen, statusField } from '../support/proc.ts'
import { inUserNamespace } from './in-user-namespace.ts'

checkMachine()

/** How many messages a child gets from now on. */
function countMessages(child: Agent): { messages: number } {
  const count = { messages: 0 }
  const attempt = child.attempt.bind(child)
  child.attempt = (p: Program, options?: RunOptions) => {
    count.messages++
    return attempt(p, options)
  }
  return count
}

test('P06: task() makes a child, carries out its operations in order and gives it back', async () => {
  await using root = await Agent.start()
  const { child, state } = await root.task([
    ['setsid'],
    [
      ['chdir', '/usr'],
      ['umask', 0o27],
    ],
    ['setpriority', 'PRIO_PROCESS', 0, 3],
  ])
  assert.equal(state, undefined)
  assert.equal(seen(child.pid)?.parent, root.pid)
  assert.equal(await child.sys.getsid(0), child.pid)
  assert.equal(await child.sys.getcwd(), '/usr')
  assert.equal(statusField(child.pid, 'Umask'), '0027')
})

test('P06: system calls that stand next to each other are one message, across nested lists', async () => {
  await using root = await Agent.start()
  let count = { messages: 0 }
  const operations: Operations<undefined> = [
    ['setsid'],
    [['chdir', '/'], [{ do: ['umask', 0o22] }]],
    ['syscall', 'getpid'],
    () => undefined,
    ['getpid'],
    ['getppid'],
  ]
  await root.task(operations, {
    init: async (caller) => {
      const child = await caller.fork()
      count = countMessages(child)
      return child
    },
  })
  assert.equal(count.messages, 2)
})

test('P06: a list of any length goes out in parts', async () => {
  await using root = await Agent.start()
  const { child } = await root.task(Array.from({ length: 3000 }, () => ['getgroups'] as const))
  assert.equal(await child.sys.getpid(), child.pid)
})

test('P06: a failure ends the child and is thrown with its place', async () => {
  await using root = await Agent.start()
  const before = descendants(root.pid).length
  const operations: Operations<undefined> = [['setsid'], [['getpid'], ['chdir', '/does/not/exist']], ['getpid']]
  const failing = root.task(operations)
  await assert.rejects(failing, { name: 'SyscallError', call: 'chdir', errno: 'ENOENT', step: 2, feature: 'task' })
  await assert.rejects(failing, /Operation \[1\]\[1\] of the task/)
  assert.deepEqual(operationOf(await failing.catch((error: unknown) => error)), [1, 1])
  assert.equal(descendants(root.pid).length, before)
})

test('P06: the error of a function has its place too, and goes through as it is', async () => {
  await using root = await Agent.start()
  const error = new RangeError('of the caller')
  const failing = root.task([
    ['getpid'],
    () => {
      throw error
    },
  ])
  await assert.rejects(failing, error)
  assert.deepEqual(operationOf(error), [1])
  assert.equal(descendants(root.pid).length, 0)
  assert.equal(operationOf(new Error('another')), undefined)
})

test('P06: an argument that cannot be sent is refused with its place, and the child ends', async () => {
  await using root = await Agent.start()
  // @ts-expect-error the arguments of an operation are those of the call
  await assert.rejects(root.task([['umask', 'text']]), { name: 'InvalidInputError', field: 'umask.mask' })
  const wrong = root.task([['getpid'], ['umask', -5]])
  await assert.rejects(wrong, { name: 'InvalidInputError', field: 'umask.mask' })
  assert.deepEqual(operationOf(await wrong.catch((error: unknown) => error)), [1])
  assert.equal(descendants(root.pid).length, 0)
})

test('P06: what is no operation is refused before a child is made', async () => {
  await using root = await Agent.start()
  let made = 0
  const init = () => {
    made++
    return root.fork()
  }
  // @ts-expect-error no call has this name, and the compiler knows
  const wrong = root.task([['setsid'], [['getpit']]], { init })
  await assert.rejects(wrong, { name: 'InvalidInputError', field: 'operations[1][0]' })
  assert.equal(made, 0)
})

test('P06: a function decides what comes next; what it gives otherwise is no operation', async () => {
  await using root = await Agent.start()
  const branch = async (uid: number) => {
    const { child } = await root.task<number>(
      [
        (_, state) => (state === 0 ? { next: [['chdir', '/usr'], () => ({ next: [['umask', 0o77]] })] } : undefined),
        () => [['chdir', '/does/not/exist']],
      ],
      { state: uid },
    )
    return [await child.sys.getcwd(), statusField(child.pid, 'Umask')]
  }
  assert.deepEqual(await branch(0), ['/usr', '0077'])
  assert.notDeepEqual(await branch(1), ['/usr', '0077'])

  const deep = root.task([['getpid'], () => ({ next: [['getpid'], ['chdir', '/does/not/exist']] })])
  assert.deepEqual(operationOf(await deep.catch((error: unknown) => error)), [1, 1])
  const wrong = root.task([() => ({ next: [5] })])
  await assert.rejects(wrong, { name: 'InvalidInputError', field: 'operations[0].next[0]' })
  assert.equal(descendants(root.pid).length, 2)
})

test('P06: errexit off makes the error a result; transform and state carry results on', async () => {
  await using root = await Agent.start()
  const carried = await root.task<readonly unknown[]>(
    [
      {
        do: ['chdir', '/does/not/exist'],
        errexit: false,
        transform: (result, state) => [...state, (result as SyscallError).errno],
      },
      { do: ['getpid'], transform: (result, state) => [...state, result] },
      {
        do: async (child) => (await child.sys.getcwd()).length > 0,
        transform: async (result, state) => [...state, result],
      },
      { do: (_, state) => state.length, transform: (result, state) => [...state, result] },
    ],
    { state: ['first'] },
  )
  const [first, errno, pid, ...rest] = carried.state
  assert.deepEqual([first, errno, typeof pid, ...rest], ['first', 'ENOENT', 'number', true, 4])
  const replaced = await root.task<number>([
    { do: (_, state) => state, state: 5, transform: (result) => Number(result) + 1 },
  ])
  assert.equal(replaced.state, 6)
})

test('P06: init makes the process, terminate ends it; a failing terminate does not hide the error', async () => {
  await using root = await Agent.start()
  const { child } = await root.task([['sethostname', 'of-the-task']], {
    init: () => inUserNamespace(root, ['CLONE_NEWUTS']),
  })
  assert.notEqual(namespaceOf(child.pid, 'uts'), namespaceOf('self', 'uts'))
  assert.equal((await child.sys.uname()).nodename, 'of-the-task')

  let ended: Agent | undefined
  const failing = root.task([['chdir', '/does/not/exist']], {
    terminate: (agent, error) => {
      assert.equal((error as SyscallError).errno, 'ENOENT')
      ended = agent
      throw new Error('of terminate')
    },
  })
  const error = await failing.catch((caught: unknown) => caught)
  assert.ok(error instanceof SyscallError)
  assert.deepEqual(error.cleanup.map(String), ['Error: of terminate'])
  assert.equal(await ended?.sys.getpid(), ended?.pid)
  await ended?.close()
})

test('P06: limits hold for the messages of a task', async () => {
  await using root = await Agent.start()
  const abort = new AbortController()
  const operations: Operations<undefined> = [
    () => abort.abort(new Error('given up')),
    ['getpid'],
    { do: ['getpid'], errexit: false },
  ]
  await assert.rejects(root.task(operations, { signal: abort.signal }), { message: 'given up' })
  assert.equal(descendants(root.pid).length, 0)
  await assert.rejects(root.task([['nanosleep', { tv_sec: 1000 }]], { timeoutMs: 50 }), { name: 'TimeoutError' })
  await assert.rejects(root.task([['nanosleep', { tv_sec: 1000 }, { timeoutMs: 50 }]]), { name: 'TimeoutError' })
  assert.equal(descendants(root.pid).length, 0)
})

test('P02: every process makes children, by fork() and clone(), that belong to who made them', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const [twin, cloned] = await Promise.all([child.fork(), child.clone(['CLONE_NEWUSER', 'CLONE_NEWUTS'])])
  for (const each of [twin, cloned]) assert.equal(seen(each.pid)?.parent, child.pid)
  assert.notEqual(namespaceOf(cloned.pid, 'uts'), namespaceOf(child.pid, 'uts'))
  const pids = [child.pid, twin.pid, cloned.pid]
  await child.close()
  assert.deepEqual(
    pids.map((pid) => seen(pid)),
    [undefined, undefined, undefined],
  )
  assert.equal(await root.sys.getpid(), root.pid)
})

test('P03: arguments may be left out where the kernel has a default, and results are named', async () => {
  await using root = await Agent.start()
  const child = await inUserNamespace(root, ['CLONE_NEWNS'])
  const fd = await child.sys.openat('AT_FDCWD', '/proc/self/ns/mnt', ['O_RDONLY', 'O_CLOEXEC'])
  assert.equal(await child.sys.fcntl(fd, 'F_GETFD'), 1)
  await child.sys.setns(fd, 0)
  assert.equal(readlinkSync(`/proc/${child.pid}/fd/${fd}`), readlinkSync(`/proc/${child.pid}/ns/mnt`))
  await child.sys.mount('none', '/tmp', 'tmpfs', [], null)
  assert.deepEqual(
    (await child.readdir('/tmp')).map(({ name }) => name),
    ['.', '..'],
  )
  const limit = await child.sys.prlimit64(0, 'RLIMIT_NOFILE', { rlim_cur: 100, rlim_max: 200 })
  assert.deepEqual(Object.keys(limit), ['rlim_cur', 'rlim_max'])
  assert.deepEqual(await child.sys.prlimit64(0, 'RLIMIT_NOFILE', null), { rlim_cur: 100n, rlim_max: 200n })
  assert.deepEqual(Object.keys(await child.sys.getresuid()), ['ruid', 'euid', 'suid'])
})

test('P26: a container as the README of old made it: five namespaces, then a program', async () => {
  await using root = await Agent.start()
  const five = ['CLONE_NEWIPC', 'CLONE_NEWNET', 'CLONE_NEWNS', 'CLONE_NEWPID', 'CLONE_NEWUTS'] as const
  const { child } = await root.task([['mount', 'none', '/', null, ['MS_REC', 'MS_PRIVATE'], null]], {
    init: () => inUserNamespace(root, five),
  })
  await child.sys.mount('proc', '/proc', 'proc', ['MS_NOSUID', 'MS_NODEV', 'MS_NOEXEC'], null)
  await child.sys.sethostname('contained')
  const pid = child.hostPid ?? 0
  const script = 'echo $$; hostname; ls /proc | grep -c "^[0-9]"; read _'
  const sh = await child.exec('/bin/sh', ['sh', '-c', script], { env: { PATH: '/usr/bin:/bin' } })
  const output = text(sh.stdout)
  for (const name of ['ipc', 'net', 'mnt', 'pid', 'uts']) {
    await eventually(
      () => namespaceOf(pid, name) !== namespaceOf('self', name),
      () => `${name} is the namespace of this process`,
    )
  }
  sh.stdin.end('\n')
  const [first, hostname, processes] = (await output).split('\n')
  await sh.exited
  assert.deepEqual([first, hostname], ['1', 'contained'])
  // The shell itself, ls and grep: no process of the host.
  assert.ok(Number(processes) <= 4, `${processes} processes`)
})

test('P18: what is to be done at the end of a child is done in the process that waits, descriptors closed', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const program = await child.exec('/bin/sh', ['sh', '-c', 'echo out; exit 3'])
  const ends: unknown[] = []
  const done = program.exited.then((exit) => ends.push(exit.kind === 'exited' && exit.code))
  assert.equal(await text(program.stdout), 'out\n')
  await done
  assert.deepEqual(ends, [3])
  await eventually(
    () => program.stdin.destroyed && program.stdout.destroyed && program.stderr.destroyed,
    () => 'a stream of an ended program is still open',
  )
  const other = await root.fork()
  const closed = other.exited.then((exit) => exit.kind)
  await other.close()
  assert.equal(await closed, 'exited')
})
