import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, beforeEach, test } from 'node:test'
import { Sandbox, type RunOptions, type RunResult, type SandboxOptions } from '../../src/sandbox/index.ts'
import { assertNothingLeft, settled, type Holdings } from './leaks.ts'

// The law: whatever a command does to its sandbox ends with the right outcome, the host stays usable, and nothing is left.

let other: Sandbox
let idle: Holdings
before(async () => {
  other = await Sandbox.create()
  await (await Sandbox.create()).close()
  await other.run('true')
  idle = await settled()
})
after(() => other.close())

/** A script in a sandbox of its own; afterwards another sandbox still answers, and nothing is left. */
async function abuse(options: SandboxOptions, script: string, how: RunOptions = {}): Promise<RunResult> {
  const box = await Sandbox.create({ pids: 64, memory: '64M', ...options })
  try {
    return await box.run('sh', ['-c', script], { timeoutMs: 15_000, graceMs: 50, ...how })
  } finally {
    assert.equal((await other.run('echo', ['alive'], { timeoutMs: 15_000 })).stdout, 'alive\n')
    await box.close()
    await assertNothingLeft(idle)
  }
}

const inSandbox = (code: string): string => `exec /usr/bin/python3 -c '${code}'`

test('R11, A66: a fork bomb stops at the limit, ends with the time, and the next command runs', async () => {
  const box = await Sandbox.create({ pids: 32, memory: '64M' })
  const bomb = await box.run('sh', ['-c', 'f() { f | f & }; f 2>/dev/null; while :; do sleep 1; done'], {
    timeoutMs: 700,
    graceMs: 50,
  })
  assert.equal(bomb.outcome, 'timeout')
  const { stdout } = await box.run('sh', ['-c', 'ls /proc | grep -c "^[0-9]"'])
  assert.ok(Number(stdout) <= 4, `${stdout.trim()} processes`)
  await box.close()
  await assertNothingLeft(idle)
})

test('pids: no more processes than the limit, and fork says so', async () => {
  const code = `
import os, time
n = 0
try:
    while n < 100:
        if os.fork() == 0:
            time.sleep(60)
        n += 1
except BlockingIOError as e:
    print("EAGAIN", n)`
  const { stdout, outcome } = await abuse({ pids: 16 }, inSandbox(code))
  assert.equal(outcome, 'exited')
  const [, count] = /^EAGAIN (\d+)$/.exec(stdout.trim()) ?? []
  // PID 1 and the command itself are among them.
  assert.equal(Number(count), 14)
})

test('memory: a hog ends as oom, told apart from a SIGKILL', async () => {
  const hog = await abuse({ memory: '64M' }, inSandbox('x = bytearray(300_000_000)'))
  assert.deepEqual([hog.outcome, hog.signal, hog.exitCode, hog.usage.oomKills], ['oom', 'SIGKILL', 137, 1])
  assert.ok(hog.usage.peakMemoryBytes <= 64 * 2 ** 20)
  assert.ok(hog.usage.peakMemoryBytes >= 60 * 2 ** 20)
  const killed = await abuse({ memory: '64M' }, 'kill -9 $$')
  assert.deepEqual(
    [killed.outcome, killed.signal, killed.exitCode, killed.usage.oomKills],
    ['signaled', 'SIGKILL', 137, 0],
  )
})

test('memory: a child that is killed for it makes the outcome oom when its parent fails too', async () => {
  const { outcome, exitCode, usage } = await abuse(
    { memory: '64M' },
    '/usr/bin/python3 -c "x = bytearray(300_000_000)"; exit 9',
  )
  assert.deepEqual([outcome, exitCode, usage.oomKills], ['oom', 9, 1])
})

test('memory: a sandbox goes on after an oom, and its next command is not blamed', async () => {
  const box = await Sandbox.create({ memory: '64M', pids: 16 })
  assert.equal((await box.run('/usr/bin/python3', ['-c', 'x = bytearray(300_000_000)'])).outcome, 'oom')
  assert.equal((await box.run('sh', ['-c', 'exit 3'])).outcome, 'exited')
  assert.equal((await box.run('sh', ['-c', 'kill -9 $$'])).outcome, 'signaled')
  await box.close()
  await assertNothingLeft(idle)
})

test('cpus: a busy loop gets its share and no more', async () => {
  const { usage, outcome } = await abuse({ cpus: 0.25 }, 'while :; do :; done', { timeoutMs: 1200, graceMs: 0 })
  assert.equal(outcome, 'timeout')
  const share = (usage.userMs + usage.systemMs) / usage.wallMs
  assert.ok(share < 0.4, `share ${share}`)
})

test('timeout: a busy loop ends when its time is up', async () => {
  const { outcome, signal, exitCode, usage } = await abuse({}, 'while :; do :; done', { timeoutMs: 300 })
  assert.deepEqual([outcome, signal, exitCode], ['timeout', 'SIGTERM', 143])
  assert.ok(usage.wallMs >= 300 && usage.wallMs < 10_000, `wallMs ${usage.wallMs}`)
})

test('timeout: one that ignores SIGTERM gets the grace, then SIGKILL', async () => {
  const { outcome, signal, usage } = await abuse({}, 'trap "" TERM; while :; do sleep 1; done', {
    timeoutMs: 700,
    graceMs: 300,
  })
  assert.deepEqual([outcome, signal], ['timeout', 'SIGKILL'])
  assert.ok(usage.wallMs >= 1000 && usage.wallMs < 10_000, `wallMs ${usage.wallMs}`)
})

test('timeout: one that ends itself on SIGTERM has its own exit code', async () => {
  const { outcome, exitCode, stdout } = await abuse({}, 'trap "echo bye; exit 5" TERM; while :; do sleep 0.02; done', {
    timeoutMs: 700,
    graceMs: 5000,
  })
  assert.deepEqual([outcome, exitCode, stdout], ['timeout', 5, 'bye\n'])
})

test('timeout: what the command started goes with it, also in a session of its own and stopped', async () => {
  const script = 'setsid sleep 60 & (setsid sh -c "kill -STOP \\$\\$" &); trap "" TERM; sleep 60; sleep 60'
  const box = await Sandbox.create({ pids: 64, memory: '64M' })
  const { outcome } = await box.run('sh', ['-c', script], { timeoutMs: 300, graceMs: 50 })
  assert.equal(outcome, 'timeout')
  const { stdout } = await box.run('sh', ['-c', 'cat /proc/[0-9]*/comm'])
  assert.doesNotMatch(stdout, /sleep/)
  await box.close()
  await assertNothingLeft(idle)
})

test('output: `yes` ends at the limit, with what came until then', async () => {
  const { outcome, stdoutBytes, signal } = await abuse({}, 'exec yes', { outputLimitBytes: 1_000_000 })
  assert.deepEqual([outcome, stdoutBytes.length, signal], ['output-limit', 1_000_000, 'SIGKILL'])
})

test('output: the limit counts stdout and stderr together', async () => {
  const { outcome, stdoutBytes, stderrBytes } = await abuse({}, 'yes & yes >&2', { outputLimitBytes: 500_000 })
  assert.deepEqual([outcome, stdoutBytes.length + stderrBytes.length], ['output-limit', 500_000])
})

test('A17: a daemon that stays behind does not hold the result, and ends with the sandbox', async () => {
  const { outcome, exitCode, stdout, usage } = await abuse({}, '(setsid sh -c "sleep 60 & sleep 60" &); echo started')
  assert.deepEqual([outcome, exitCode, stdout], ['exited', 0, 'started\n'])
  assert.ok(usage.wallMs < 10_000)
})

test('output: nothing is lost when this process is too busy to read it in time', async () => {
  const box = await Sandbox.create()
  const running = box.run('sh', ['-c', 'head -c 300K /dev/zero; echo end'])
  const busy = setInterval(() => {
    for (const begin = performance.now(); performance.now() - begin < 130;);
  }, 5)
  const { stdoutBytes, exitCode } = await running.finally(() => clearInterval(busy))
  assert.deepEqual([stdoutBytes.length, exitCode], [300 * 1024 + 4, 0])
  await box.close()
  await assertNothingLeft(idle)
})

test('20,000 files in /tmp go with the sandbox', async () => {
  const { outcome, stdout } = await abuse(
    { memory: '256M' },
    inSandbox('import os\nfor i in range(20000): open(f"/tmp/{i}", "w").close()\nprint(len(os.listdir("/tmp")))'),
  )
  assert.deepEqual([outcome, stdout], ['exited', '20000\n'])
})

test('a full /tmp is an error of the command alone', async () => {
  const { stdout, stderr } = await abuse(
    { tmp: '8M' },
    'head -c 20M /dev/zero > /tmp/a; stat -c %s /tmp/a; df -B1 --output=size /tmp | tail -1',
  )
  assert.match(stderr, /No space left on device/)
  const [written = 0, size] = stdout.trim().split('\n').map(Number)
  assert.equal(size, 8 * 2 ** 20)
  // Its few files in /etc take some of it.
  assert.ok(written > 7.5 * 2 ** 20 && written < size, `${written} bytes`)
})

test('files of the sandbox’s own count as its memory', async () => {
  const { outcome } = await abuse({ memory: '32M', tmp: '512M' }, 'head -c 100M /dev/zero > /tmp/a')
  assert.equal(outcome, 'oom')
})

test('deep and wide: a tree of directories, a long name, a thousand links', async () => {
  const code = `
import os
os.chdir("/tmp")
for i in range(500):
    os.mkdir("d" * 200); os.chdir("d" * 200)
for i in range(1000): os.symlink("/" + "x" * 4000, str(i))
print("made")`
  assert.equal((await abuse({}, inSandbox(code))).stdout, 'made\n')
})

test('the host’s own limits are untouched: this process has no groups but those of before', () => {
  assert.doesNotMatch(readFileSync('/proc/self/cgroup', 'utf8'), /carrel-/)
})

beforeEach(() => assert.ok(process.memoryUsage().rss < 2 ** 30))
