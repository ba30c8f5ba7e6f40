import assert from 'node:assert/strict'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { CAPABILITIES } from '../../src/linux/tables/capabilities.ts'
import { eventually } from '../support/eventually.ts'
import { container, created, oci, run, scratch, script, startOci, useOci } from '../support/oci.ts'
import { isAlive, namespaceOf, statusField } from '../support/proc.ts'
import { execStaying, Outside, withAttacker } from './outside.ts'

useOci()

const ENVIRONMENT = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root']

const TRACER = ['CAP_SYS_PTRACE']

/** As engines' profiles are: clone3(2), whose flags no filter sees, is not there; clone(2) makes no namespaces. */
const PROFILE = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
    { names: ['mount', 'setns', 'unshare'], action: 'SCMP_ACT_ERRNO' },
  ],
}

/** As /proc/PID/status prints capabilities. */
const statusMask = (names: readonly string[]): string =>
  names
    .reduce((mask, name) => mask | (1n << BigInt(CAPABILITIES.values[name as 'CAP_SYS_PTRACE'])), 0n)
    .toString(16)
    .padStart(16, '0')

test('what /etc/passwd says is no environment and no user', () => {
  const lines = [
    'root:x:0:0::/root\u0000EVIL=1:/bin/sh',
    'root:x:0:0::/tmp=\rLD_PRELOAD=/evil.so:/bin/sh',
    'x'.repeat(1 << 20),
    '1000:x:0:0::/:/bin/sh',
    ':::::::',
    'somebody:x:0:0:',
  ]
  const files = { 'etc/passwd': lines.join('\n'), 'etc/group': `wheel:x:0:somebody,1000\n${'y'.repeat(1 << 20)}` }
  const env = ENVIRONMENT.slice(0, 1)
  const one = container({ process: { env, user: { uid: 1000, gid: 1000 } } }, { files })
  const shown = one.exec(['/bin/sh', '-c', 'id -u; id -g; cat /proc/self/environ | tr "\\0" "\\n"'])
  assert.match(shown.stdout, /^1000\n1000\n/, shown.stderr)
  assert.doesNotMatch(shown.stdout, /EVIL|LD_PRELOAD/)
  assert.equal(statusField(execStaying(one), 'Groups').split(' ').includes('0'), false)
})

test('links and FIFOs at /etc/passwd and /etc/group stop nobody and read nothing of the host', () => {
  const outside = new Outside()
  writeFileSync(scratch('passwd'), '')
  const prepare = (root: string): void => {
    for (const name of ['passwd', 'group']) {
      writeFileSync(join(root, `etc/${name}.old`), '')
      symlinkSync(`${outside.path}/secret`, join(root, `etc/${name}-`))
    }
  }
  const one = container({}, { prepare })
  one.exec(['/bin/sh', '-c', 'rm /etc/passwd /etc/group; mkfifo /etc/passwd /etc/group'])
  for (const flags of [[], ['--user', '1000'], ['--user', '1000:1000']]) {
    const outcome = one.exec(['/bin/true'], flags, { timeoutMs: 15_000 })
    assert.equal(outcome.status, 0, `${flags.join(' ')}: ${outcome.stderr}`)
  }
  outside.assertUntouched('passwd')
})

test('a container that has replaced its /proc does not change how a process is added', () => {
  const capabilities = ['CAP_SYS_ADMIN', 'CAP_KILL']
  const sets = { bounding: capabilities, effective: capabilities, permitted: capabilities }
  const text =
    'mount -t tmpfs none /proc && mkdir -p /proc/self/attr /proc/self/fd /proc/thread-self/attr && echo fake > /proc/self/attr/exec; sleep 1000'
  const one = container({
    process: { capabilities: sets, ...script(text) },
    linux: { readonlyPaths: [], maskedPaths: [] },
  })
  const outcome = one.exec(['/bin/sh', '-c', 'echo in; cat /proc/self/attr/exec'])
  // It works, or is refused; a process that is added has what is configured.
  if (outcome.status === 0) {
    assert.equal(outcome.stdout, 'in\nfake\n')
    const pid = execStaying(one)
    for (const set of ['CapPrm', 'CapBnd', 'CapInh', 'NoNewPrivs', 'Seccomp'])
      assert.equal(statusField(pid, set), statusField(one.pid, set), set)
  }
})

// CVE-2016-9962: what adds a process holds folders of the host while it is already in the container.
test('who adds a process is out of reach of those in the container', async () => {
  const outside = new Outside()
  const secret = join(outside.path, 'secret').slice(1)
  const one = container({ process: { args: ['/bin/attacker', 'intrude', '2500', secret] } }, { prepare: withAttacker })
  await eventually(
    () => one.output.includes('ready'),
    () => one.output,
  )
  for (let at = 0; at < 25; at++) one.exec(['/bin/true'])
  const shown = await one.ended()
  assert.equal(shown, 'ready\nlooked at others\n')
})

test('nor do they reach the host through it with the right to trace', async () => {
  const outside = new Outside()
  const names = ['CAP_SYS_PTRACE', 'CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH']
  const capabilities = { bounding: names, effective: names, permitted: names }
  const args = ['/bin/attacker', 'intrude', '2500', join(outside.path, 'secret').slice(1)]
  const one = container({ process: { capabilities, args } }, { prepare: withAttacker })
  await eventually(
    () => one.output.includes('ready'),
    () => one.output,
  )
  for (let at = 0; at < 25; at++) one.exec(['/bin/true'], [], { timeoutMs: 15_000 })
  assert.doesNotMatch(await one.ended(), /reached/)
})

// CVE-2016-9962 with the right to trace, which looks through PR_SET_DUMPABLE: whoever is traced has nothing to give.
for (const [about, more] of [
  ['a filter', {}],
  ['a filter and no new privileges', { noNewPrivileges: true }],
  ['another user', { user: { uid: 1000, gid: 1000 } }],
] as const) {
  test(`a process that is added is never more than it may be, from its birth on: with ${about}`, async () => {
    const tracer = { bounding: TRACER, effective: TRACER, permitted: TRACER }
    const one = container(
      {
        process: { noNewPrivileges: false, capabilities: tracer, args: ['/bin/attacker', 'catch', '60000'] },
        linux: { seccomp: PROFILE },
      },
      { prepare: withAttacker },
    )
    await eventually(
      () => one.output.includes('ready'),
      () => one.output,
    )
    const file = scratch('process')
    const process = { cwd: '/', args: ['/bin/true'], env: ENVIRONMENT, capabilities: tracer, ...more }
    writeFileSync(file, JSON.stringify(process))
    const linesOf = (): readonly string[] => one.output.split('\n').filter((line) => line.startsWith('caught'))
    for (let at = 0; at < 40 && linesOf().length < 2; at++) {
      const { status, stderr } = oci(['exec', '--process', file, one.id], { timeoutMs: 15_000 })
      assert.equal(status, 0, stderr)
    }
    const caught = linesOf()
    assert.ok(caught.length > 0, 'nobody was caught: the test says nothing')
    const mask = statusMask(TRACER)
    for (const line of caught) assert.equal(line, `caught ${mask} ${mask} 2`)
  })
}

test('nor where the right to trace was given by an earlier exec, which the configuration does not', async () => {
  const one = container({}, { prepare: withAttacker })
  const tracer = startOci(['exec', '--cap', 'CAP_SYS_PTRACE', one.id, '/bin/attacker', 'catch', '60000'])
  let shown = ''
  tracer.stdout?.on('data', (text: Buffer) => (shown += text.toString()))
  await eventually(
    () => shown.includes('ready'),
    () => shown,
  )
  for (let at = 0; at < 40 && !shown.includes('caught'); at++) {
    assert.equal(one.exec(['/bin/true'], [], { timeoutMs: 15_000 }).status, 0)
    await setImmediate()
  }
  const mask = statusField(one.pid, 'CapBnd')
  const caught = shown.split('\n').filter((line) => line.startsWith('caught'))
  assert.ok(caught.length > 0, 'nobody was caught: the test says nothing')
  for (const line of caught) assert.equal(line, `caught ${mask} ${mask} 0`)
})

test('a process cannot be added to a paused, stopped or unknown container', async () => {
  const one = container()
  one.command(['pause', one.id])
  refusesExec(one.id, 'paused')
  one.command(['resume', one.id])
  one.kill()
  await one.ended()
  refusesExec(one.id, 'stopped')
  refusesExec(`${one.id}x`, 'unknown')

  function refusesExec(id: string, why: string): void {
    const outcome = one.exec(['/bin/true'], [], { timeoutMs: 15_000 })
    assert.ok(outcome.status !== null && outcome.status !== 0, `${why} ${id}: ${outcome.status}`)
  }
})

test('a process that is added to a container is in that one', () => {
  const [first, second] = [container(), container()]
  const pid = execStaying(second)
  for (const name of ['pid', 'mnt', 'net']) {
    assert.equal(namespaceOf(pid, name), namespaceOf(second.pid, name))
    assert.notEqual(namespaceOf(pid, name), namespaceOf(first.pid, name))
  }
})

// CVE-2025-23266: a hook that inherits what the image says runs the image's code on the host.
test('hooks get nothing of the container’s environment, nor of the runtime’s', () => {
  const notes = scratch('notes')
  writeFileSync(notes, '')
  const hook = {
    path: '/bin/sh',
    args: ['sh', '-c', `tr '\\0' '\\n' < /proc/self/environ >> ${notes}; echo end >> ${notes}`],
    env: ['ONLY=this'],
  }
  const hooks = {
    prestart: [hook],
    createRuntime: [hook],
    createContainer: [hook],
    poststart: [hook],
    poststop: [hook],
  }
  const env = [...ENVIRONMENT, 'LD_PRELOAD=/evil.so', 'LD_LIBRARY_PATH=/evil', 'BASH_ENV=/evil']
  const one = created(
    { hooks, process: { env } },
    { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', SECRET: 'of the engine' } },
  )
  one.start().delete('--force')
  const lines = execRead(notes)
  assert.deepEqual(lines, Array.from({ length: 5 }, () => ['ONLY=this', 'end']).flat())
})

const execRead = (path: string): readonly string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('PWD='))

test('variables of the environment that are none are refused or passed as they are', () => {
  for (const env of [['LD_PRELOAD'], ['=x'], ['A\u0000B=1'], ['']]) {
    const outcome = run({ process: { env: [...ENVIRONMENT, ...env], args: ['/bin/true'] } })
    assert.notEqual(outcome.status, null)
  }
  const refused = run({ process: { env: ['A\u0000LD_PRELOAD=/x'], args: ['/bin/true'] } })
  assert.notEqual(refused.status, 0)
})

test('the process of a container ends with it', async () => {
  const one = container()
  const pid = execStaying(one)
  one.kill()
  await one.ended()
  await eventually(
    () => !isAlive(pid),
    () => `${pid} lives`,
  )
})
