import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { cProgram } from '../../support/c-program.ts'
import { eventually } from '../../support/eventually.ts'
import {
  type Changes,
  container,
  created,
  run,
  scratch,
  script,
  type State,
  undoAfterTest,
  useOci,
} from '../../support/oci.ts'
import { statusField } from '../../support/proc.ts'
import { fails, refused } from './expect.ts'

useOci()

const [EPERM, ENOENT, EXDEV] = [1, 2, 18]
/** Of x86_64 and arm64: personality(2) does nothing with this argument, getpriority(2) takes numbers. */
const NUMBERS =
  process.arch === 'x64' ? { getpriority: 140, sync: 162, getppid: 110 } : { getpriority: 141, sync: 81, getppid: 173 }

const prepare = (root: string): void => copyFileSync(cProgram('test/oci/conformance/probe.c'), `${root}/bin/probe`)

/** Result of a system call, negative its errno, in a container with this filter. */
function result(seccomp: Changes, name: keyof typeof NUMBERS, ...args: readonly (number | string)[]): number {
  const words = ['call', String(NUMBERS[name]), ...args.map(String)]
  const outcome = run({ process: { args: ['/bin/probe', ...words] }, linux: { seccomp } }, { prepare })
  return outcome.stdout === '' ? NaN : Number(outcome.stdout)
}

const allowBut = (rule: Changes, more: Changes = {}): Changes => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [rule],
  ...more,
})
const errno = (name: string, more: Changes = {}): Changes => ({ names: [name], action: 'SCMP_ACT_ERRNO', ...more })

test('OCI-L35: a rule applies to its calls, the default to the others', () => {
  const filter = allowBut({ names: ['sync', 'no_such_call', 'getppid'], action: 'SCMP_ACT_ERRNO' })
  assert.equal(result(filter, 'sync'), -EPERM)
  assert.equal(result(filter, 'getppid'), -EPERM)
  assert.ok(result(filter, 'getpriority', 0, 0) > 0)
  const one = container({ linux: { seccomp: filter } })
  assert.equal(statusField(one.pid, 'Seccomp'), '2')
  assert.equal(statusField(container().pid, 'Seccomp'), '0')
})

test('OCI-L35: SCMP_ACT_KILL_PROCESS kills, SCMP_ACT_LOG allows', () => {
  assert.ok(Number.isNaN(result(allowBut({ names: ['sync'], action: 'SCMP_ACT_KILL_PROCESS' }), 'sync')))
  assert.equal(result(allowBut({ names: ['sync'], action: 'SCMP_ACT_LOG' }), 'sync'), 0)
})

test('OCI-L36: the errno', () => {
  assert.equal(result(allowBut(errno('sync')), 'sync'), -EPERM)
  assert.equal(result(allowBut(errno('sync', { errnoRet: EXDEV })), 'sync'), -EXDEV)
  assert.equal(result(allowBut(errno('sync', { errnoRet: 0 })), 'sync'), 0)
})

test('OCI-L36: defaultErrnoRet', () => {
  const names = [
    'execve',
    'exit',
    'exit_group',
    'brk',
    'arch_prctl',
    'set_tid_address',
    'set_robust_list',
    'rseq',
    'prlimit64',
    'readlinkat',
  ]
  const more = [
    'readlink',
    'getrandom',
    'mprotect',
    'newfstatat',
    'fstat',
    'write',
    'writev',
    'mmap',
    'uname',
    'access',
    'faccessat',
  ]
  const rest = [
    'close',
    'openat',
    'open',
    'prctl',
    'futex',
    'rt_sigreturn',
    'fcntl',
    'read',
    'capset',
    'setuid',
    'setgid',
    'close_range',
  ]
  const syscalls = [{ names: [...names, ...more, ...rest], action: 'SCMP_ACT_ALLOW' }]
  assert.equal(result({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: ENOENT, syscalls }, 'sync'), -ENOENT)
})

test('OCI-L37: an errno for an action that has none is refused', () => {
  refused({ linux: { seccomp: allowBut({ names: ['sync'], action: 'SCMP_ACT_KILL', errnoRet: 5 }) } })
  refused({ linux: { seccomp: { defaultAction: 'SCMP_ACT_ALLOW', defaultErrnoRet: 5 } } })
})

/** Whether a condition on the second argument of getpriority holds for a value. */
function holds(condition: Changes, value: number): boolean {
  return (
    result(
      allowBut(errno('getpriority', { errnoRet: EXDEV, args: [{ index: 1, ...condition }] })),
      'getpriority',
      0,
      value,
    ) === -EXDEV
  )
}

test('OCI-L38: conditions', () => {
  const cases: Readonly<Record<string, readonly [no: number, ...yes: number[]]>> = {
    SCMP_CMP_NE: [5, 4, 6],
    SCMP_CMP_LT: [5, 4],
    SCMP_CMP_LE: [6, 5],
    SCMP_CMP_EQ: [4, 5],
    SCMP_CMP_GE: [4, 5],
    SCMP_CMP_GT: [5, 6],
  }
  for (const [op, [no, ...yes]] of Object.entries(cases)) {
    assert.equal(holds({ op, value: 5 }, no), false, `${op} ${no}`)
    for (const value of yes) assert.equal(holds({ op, value: 5 }, value), true, `${op} ${value}`)
  }
  const masked = { op: 'SCMP_CMP_MASKED_EQ', value: 0xf0, valueTwo: 0x20 }
  assert.deepEqual(
    [0x20, 0x2f, 0x30].map((value) => holds(masked, value)),
    [true, true, false],
  )
})

test('OCI-L38: conditions see all 64 bits', () => {
  const high = { index: 1, value: 2 ** 40 + 1, op: 'SCMP_CMP_EQ' }
  const filter = allowBut(errno('getpriority', { errnoRet: EXDEV, args: [high] }))
  assert.equal(result(filter, 'getpriority', 0, String(2 ** 40 + 1)), -EXDEV)
  assert.notEqual(result(filter, 'getpriority', 0, 1), -EXDEV)
})

test('OCI-L38: conditions of one rule hold together', () => {
  const args = [
    { index: 0, value: 0, op: 'SCMP_CMP_EQ' },
    { index: 1, value: 1, op: 'SCMP_CMP_EQ' },
  ]
  const filter = allowBut(errno('getpriority', { errnoRet: EXDEV, args }))
  assert.equal(result(filter, 'getpriority', 0, 1), -EXDEV)
  assert.notEqual(result(filter, 'getpriority', 1, 1), -EXDEV)
})

test('OCI-L39: a rule without names is refused', () => {
  refused({ linux: { seccomp: allowBut({ names: [], action: 'SCMP_ACT_ERRNO' }) } })
})

test('OCI-L45: flags and architectures that there are not are refused', () => {
  refused({ linux: { seccomp: { defaultAction: 'SCMP_ACT_ALLOW', flags: ['SECCOMP_FILTER_FLAG_NOSUCH'] } } })
  refused({ linux: { seccomp: { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_NOSUCH'] } } })
})

interface Received {
  readonly descriptors: number
  readonly late: number
  readonly sent: {
    readonly ociVersion: string
    readonly fds: readonly string[]
    readonly pid: number
    readonly metadata: string
    readonly state: State
  } | null
}

/** Listens as a seccomp agent does; `received` are the connections so far, each read to its end. */
async function listen(): Promise<{ path: string; received: () => readonly Received[] }> {
  const path = scratch('listener.sock')
  const child = spawn(cProgram('test/oci/conformance/receive-listener.c'), [path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  undoAfterTest(() => void child.kill('SIGKILL'))
  let seen = ''
  child.stdout.on('data', (bytes: Buffer) => (seen += bytes.toString()))
  await eventually(
    () => seen.startsWith('listening\n'),
    () => seen,
  )
  return {
    path,
    received: () =>
      seen
        .split('\n')
        .slice(1, -1)
        .map((line) => JSON.parse(line) as Received),
  }
}

const notify = (listenerPath: string): Changes =>
  allowBut({ names: ['sync'], action: 'SCMP_ACT_NOTIFY' }, { listenerPath, listenerMetadata: 'meta=1' })

test('OCI-L40, OCI-L44: the listener gets the state and the descriptor, once, and decides', async () => {
  const { path, received } = await listen()
  const process = { args: ['/bin/probe', 'call', String(NUMBERS.sync)] }
  const one = created({ annotations: { a: 'b' }, process, linux: { seccomp: notify(path) } }, { prepare })
  const { pid } = one
  one.start()
  assert.equal(await one.ended(), '77\n')
  await eventually(
    () => received().length > 0,
    () => 'nothing received',
  )
  await eventually(
    () => received().length > 0,
    () => 'the listener tells what it got',
  )
  const [only, ...others] = received()
  assert.deepEqual(others, [])
  assert.deepEqual([only?.descriptors, only?.late], [1, 0])
  const sent = only?.sent
  assert.deepEqual([sent?.fds, sent?.pid, sent?.metadata], [['seccompFd'], pid, 'meta=1'])
  assert.match(sent?.ociVersion ?? '', /^1\.\d+\.\d+/)
  assert.deepEqual([sent?.state.id, sent?.state.bundle, sent?.state.pid], [one.id, one.bundle.path, pid])
  assert.match(sent?.state.status ?? '', /^(creating|created|running)$/)
  assert.equal(sent?.state.annotations?.['a'], 'b')
})

test('OCI-L41: a listener that cannot be reached is an error', () => {
  const one = run({ linux: { seccomp: notify('/nowhere/listener') }, process: { args: ['/bin/true'] } })
  assert.notEqual(one.status, 0)
})

test('OCI-L42: listenerPath is ignored when nothing notifies', () => {
  const seccomp = { ...notify('/nowhere/listener'), syscalls: [errno('sync')] }
  assert.equal(run({ linux: { seccomp }, process: { args: ['/bin/true'] } }).status, 0)
})

test('OCI-L43: listenerMetadata without listenerPath is refused', () => {
  refused({ linux: { seccomp: { defaultAction: 'SCMP_ACT_ALLOW', listenerMetadata: 'x' } } })
  fails(['state', 'no-such-container'])
})

test('OCI-L35: a filter that forbids everything, the end of the process too, leaves nothing that runs', () => {
  const seccomp = { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ALLOW' }] }
  const outcome = run({ process: script('echo it runs'), linux: { seccomp } })
  assert.ok(outcome.status !== null && outcome.status > 0, `status ${outcome.status}`)
  assert.equal(outcome.stdout, '')
})

test('OCI-L35: a filter under which a failed execution cannot be told keeps nobody waiting', () => {
  const seccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['sendmsg'], action: 'SCMP_ACT_ERRNO' }] }
  const broken = (root: string): void => writeFileSync(`${root}/bin/broken`, '#!/no/such\n', { mode: 0o755 })
  const one = container({ linux: { seccomp } }, { prepare: broken })
  for (const outcome of [
    run({ process: { args: ['/bin/broken'] }, linux: { seccomp } }, { prepare: broken }),
    one.exec(['/bin/broken']),
  ]) {
    assert.equal(outcome.status, 1, outcome.stderr)
  }
})
