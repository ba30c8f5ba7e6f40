import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from '../../src/process/agent.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { startScript } from '../support/node-script.ts'
import { descendants, seen, statusField, survivors } from '../support/proc.ts'

checkMachine()

const ENV = { PATH: '/usr/bin:/bin' }
/** What nobody ends would take longer: close() kills after 5 s, programs sleep for 1000. */
const ENDS_BY_ITSELF_MS = 4000

test('P07, D-A30: cmd() and sh() keep stdout, stderr and the exit code apart', async () => {
  await using root = await Agent.start()
  const script = 'echo out; echo err >&2; echo more; exit 7'
  const result = await root.sh(script, { env: ENV })
  assert.deepEqual([result.stdout, result.stderr, result.outcome], ['out\nmore\n', 'err\n', 'exited'])
  assert.equal(result.exit.kind === 'exited' && result.exit.code, 7)
  assert.ok(result.rusage.maxRssBytes > 0)
  const killed = await root.cmd(['/bin/sh', '-c', 'echo before; kill -ABRT $$'])
  assert.deepEqual([killed.stdout, killed.outcome], ['before\n', 'signaled'])
  assert.equal(killed.exit.kind === 'signaled' && killed.exit.signal, 'SIGABRT')
})

test('P07: the command is below the caller, which goes on; nothing of it is left', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const before = descendants(child.pid)
  const file = join(mkdtempSync(join(tmpdir(), 'carrel-commands-')), 'go')
  const running = child.sh(`until [ -e ${file} ]; do sleep 0.02; done; echo $PPID`, { env: ENV })
  await eventually(
    () => descendants(child.pid).some((each) => each.name === 'sh'),
    () => 'the command is not below the process',
  )
  assert.equal(await child.sys.getpid(), child.pid)
  writeFileSync(file, '')
  assert.match((await running).stdout, /^\d+\n$/)
  assert.deepEqual(descendants(child.pid), before)
  assert.equal(child.children, 0)
  rmSync(dirname(file), { recursive: true })
})

test('P07: any number of commands at once, each with its own output', async () => {
  await using root = await Agent.start()
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, i) => root.sh('echo "$1"; echo "$2" >&2', { args: [`o ${i}`, `'"$e ${i}`] })),
  )
  assert.deepEqual(
    all.map(({ stdout, stderr }) => stdout + stderr),
    all.map((_, i) => `o ${i}\n'"$e ${i}\n`),
  )
})

test('P07: input of any size goes in, output of any size comes out, also while both go on', async () => {
  await using root = await Agent.start()
  const input = Buffer.alloc(3_000_000, 'abcdefg')
  const copied = await root.cmd(['/bin/cat'], { input, encoding: 'buffer' })
  assert.ok(input.equals(copied.stdout))
  assert.equal((await root.cmd(['/usr/bin/wc', '-c'])).stdout, '0\n')
  assert.equal((await root.cmd(['/bin/true'], { input })).outcome, 'exited')
  const bytes = await root.sh(String.raw`printf '\377\376'`, { encoding: 'buffer' })
  assert.deepEqual([...bytes.stdout], [0xff, 0xfe])
})

test('P07: env, cwd and argv0; without an env the one of the process', async () => {
  await using root = await Agent.start({ env: { ...ENV, KEY: 'of the process' } })
  assert.equal((await root.sh('echo $KEY')).stdout, 'of the process\n')
  assert.equal((await root.sh('echo $KEY', { env: { KEY: 'given' } })).stdout, 'given\n')
  assert.equal((await root.sh('pwd', { cwd: '/usr' })).stdout, '/usr\n')
  assert.equal((await root.cmd(['sh', '-c', 'echo $0'], { argv0: 'named' })).stdout, 'named\n')
})

test('P07: after timeoutMs the command is killed with all that it started; what it wrote is there', async () => {
  await using root = await Agent.start()
  const started = performance.now()
  const result = await root.sh('echo begun; setsid sleep 1000 & sleep 1000', { timeoutMs: 700, env: ENV })
  assert.deepEqual([result.outcome, result.stdout], ['timeout', 'begun\n'])
  assert.equal(result.exit.kind === 'signaled' && result.exit.signal, 'SIGKILL')
  assert.ok(performance.now() - started < ENDS_BY_ITSELF_MS)
  assert.deepEqual(descendants(root.pid), [])
})

test('P07: more output than maxOutputBytes ends the command; both streams count together', async () => {
  await using root = await Agent.start()
  const endless = await root.sh('while :; do echo out; echo err >&2; done', { maxOutputBytes: 10_000 })
  assert.equal(endless.outcome, 'output-limit')
  assert.equal(endless.stdout.length + endless.stderr.length, 10_000)
  const exact = await root.sh('printf 12345; printf 67890 >&2', { maxOutputBytes: 10 })
  assert.deepEqual([exact.outcome, exact.stdout, exact.stderr], ['exited', '12345', '67890'])
  assert.equal((await root.sh('printf 123456', { maxOutputBytes: 5 })).stdout, '12345')
})

test('P07: an aborted signal kills the command and rejects with its reason', async () => {
  await using root = await Agent.start()
  const abort = new AbortController()
  const running = root.cmd(['/bin/sleep', '1000'], { signal: abort.signal })
  await eventually(
    () => descendants(root.pid).some((each) => each.name === 'sleep'),
    () => 'sleep has not begun',
  )
  abort.abort(new Error('not wanted any more'))
  await assert.rejects(running, { message: 'not wanted any more' })
  assert.deepEqual(descendants(root.pid), [])
  await assert.rejects(root.cmd(['/bin/true'], { signal: abort.signal }), { message: 'not wanted any more' })
  const early = new AbortController()
  const beginning = root.cmd(['/bin/sleep', '1000'], { signal: early.signal })
  early.abort(new Error('before it began'))
  await assert.rejects(beginning, { message: 'before it began' })
  assert.equal((await root.cmd(['/bin/echo', 'on'])).stdout, 'on\n')
})

test('P07: what a command leaves behind ends with it, daemons too', async () => {
  await using root = await Agent.start()
  const result = await root.sh('setsid sh -c "sleep 1000 & sleep 1000" & echo done', { env: ENV })
  assert.deepEqual([result.outcome, result.stdout], ['exited', 'done\n'])
  assert.deepEqual(descendants(root.pid), [])
})

test('P07: SIGINT and SIGQUIT for the whole group end the command, not the supervisor', async () => {
  await using root = await Agent.start()
  const supervisor = await root.fork()
  await supervisor.sys.setpgid(0, 0)
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    const running = supervisor.sh('echo begun; exec sleep 1000')
    await eventually(
      () => descendants(supervisor.pid).some((each) => each.name === 'sleep'),
      () => 'sleep has not begun',
    )
    process.kill(-supervisor.pid, signal)
    const { exit, stdout } = await running
    assert.deepEqual([exit.kind === 'signaled' && exit.signal, stdout], [signal, 'begun\n'])
    assert.equal(await supervisor.sys.getpid(), supervisor.pid)
  }
  assert.equal((await supervisor.sh('echo on')).stdout, 'on\n')
})

test('P07: a caller that is killed midway takes the command with it, all of it', async () => {
  await using root = await Agent.start()
  const caller = await root.fork()
  const running = caller.sh('echo begun; setsid sleep 1000 & sleep 1000', { env: ENV })
  const all = await eventually(
    () => {
      const below = descendants(caller.pid)
      return below.filter((each) => each.name === 'sleep').length === 2 && below
    },
    () => 'two sleeps have not begun',
  )
  process.kill(caller.pid, 'SIGKILL')
  const { outcome, stdout } = await running
  assert.deepEqual([outcome, stdout], ['signaled', 'begun\n'])
  await eventually(
    () => survivors(all).length === 0,
    () => `left: ${JSON.stringify(survivors(all))}`,
  )
  assert.equal(await root.sys.getpid(), root.pid)
})

test('P07: nothing of a command outlives a killed Node', async () => {
  const mark = `1000.${process.pid}`
  const script = startScript('test/process/scripts/commanding.ts', {
    args: [`setsid sleep ${mark} & sleep ${mark}; true`],
  })
  const root = Number(await script.line)
  const all = await eventually(
    () => {
      const below = [...descendants(root)]
      return below.filter((each) => each.name === 'sleep').length === 2 && below
    },
    () => 'two sleeps have not begun',
  )
  script.child.kill('SIGKILL')
  await script.ended
  await eventually(
    () => survivors(all).length === 0,
    () => `left: ${JSON.stringify(survivors(all))}`,
  )
})

test('P07: options that the caller has for its children hold no command back', async () => {
  await using root = await Agent.start()
  const caller = await root.fork()
  await caller.setopt('flowcontrol', 0)
  await caller.setopt('signaloneof', 0)
  const started = performance.now()
  const result = await caller.sh('setsid sleep 1000 & head -c 100000 /dev/zero', { env: ENV })
  assert.deepEqual([result.outcome, result.stdout.length], ['exited', 100_000])
  assert.ok(performance.now() - started < ENDS_BY_ITSELF_MS)
  assert.deepEqual(descendants(caller.pid), [])
})

test('P07: what cannot be executed is an error of cmd(), what cannot be meant is refused', async () => {
  await using root = await Agent.start()
  await assert.rejects(root.cmd(['/does/not/exist']), { name: 'SyscallError', call: 'execve', errno: 'ENOENT' })
  await assert.rejects(root.cmd([]), { name: 'InvalidInputError', field: 'argv' })
  await assert.rejects(root.cmd(['true'], { maxOutputBytes: -1 }), { field: 'maxOutputBytes' })
  await assert.rejects(root.cmd(['true'], { maxOutputBytes: Number.NaN }), { field: 'maxOutputBytes' })
  await assert.rejects(root.cmd(['true'], { encoding: 'latin1' as 'utf8' }), { field: 'encoding' })
  assert.deepEqual(descendants(root.pid), [])
})

test('P07: the signal mask of a command is empty, that of its supervisor is not', async () => {
  await using root = await Agent.start()
  const { stdout } = await root.cmd(['/bin/grep', 'SigBlk', '/proc/self/status'])
  assert.match(stdout, /SigBlk:\s*0+\n/)
  // All but the one that wakes it: SIGINT and SIGQUIT are among them.
  const blocked = BigInt(`0x${statusField(root.pid, 'SigBlk')}`)
  assert.equal(blocked & 0b110n, 0b110n)
})

test('D-A30: closing kills by default, one process’s end fails nobody else, a fork blocks nobody', async () => {
  await using root = await Agent.start()
  const [first, second] = await Promise.all([root.fork(), root.fork()])
  const program = await (await first.fork()).exec('/bin/sleep', ['sleep', '1000'], { stdio: 'null' })
  await first.close()
  assert.equal(seen(program.pid), undefined)
  await assert.rejects(first.sys.getpid(), { name: 'StateError', state: 'closed' })
  assert.equal(await second.sys.getpid(), second.pid)

  const stuck = second.sys.nanosleep({ tv_sec: 1000 }).catch(() => {})
  const behind = second.fork().catch(() => {})
  const started = performance.now()
  await (await root.fork()).close()
  assert.ok(performance.now() - started < ENDS_BY_ITSELF_MS)
  await sleep(10)
  await second.close()
  await Promise.all([stuck, behind])
  assert.deepEqual(descendants(root.pid), [])
})
