import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidInputError, Sandbox, StateError, UnsupportedError } from '../../src/sandbox/index.ts'
import { readHostFacts } from '../../src/host/probe.ts'
import { eventually } from '../support/eventually.ts'
import { requires } from '../support/requires.ts'
import { groupsOf } from './leaks.ts'

const root = requires({ root: true })
const MIB = 2 ** 20

/** What a file of one of the sandbox's groups says, whichever hierarchy it is in. */
function fileOf({ id }: Sandbox, ...names: readonly string[]): string {
  const found = groupsOf(process.pid)
    .filter((directory) => directory.includes(`carrel-${id}.`))
    .flatMap((directory) => names.map((name) => `${directory}/${name}`))
    .find((path) => existsSync(path))
  return readFileSync(found ?? assert.fail(`no group has ${names.join(' or ')}`), 'utf8').trim()
}

/** How often a command that counts to a file has counted. */
const counted = async (box: Sandbox): Promise<number> => (await box.stats(['cpu'])).cpu?.usageUs ?? assert.fail()

test('X34: limits of a sandbox are those of its group, in the words of the kernel', root, async () => {
  await using box = await Sandbox.create({ memory: '64M', pids: 20, cpus: 0.5, cpuWeight: 50, cpuset: '0' })
  assert.equal(fileOf(box, 'memory.max', 'memory.limit_in_bytes'), String(64 * MIB))
  assert.equal(fileOf(box, 'pids.max'), '20')
  assert.match(fileOf(box, 'cpu.max', 'cpu.cfs_quota_us'), /^50000( 100000)?$/)
  assert.match(fileOf(box, 'cpu.weight', 'cpu.shares'), /^(50|512)$/)
  assert.equal(fileOf(box, 'cpuset.cpus'), '0')
  const { stdout } = await box.run('grep', ['Cpus_allowed_list', '/proc/self/status'])
  assert.match(stdout, /:\t0\n/)
})

test(
  'L59: stats() tells what the groups count, every result has it too, and after the end nobody has to ask',
  root,
  async () => {
    await using box = await Sandbox.create({ memory: '64M', pids: 20 })
    const result = await box.run('sh', [
      '-c',
      'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; head -c 8M /dev/zero > /tmp/file',
    ])
    const { cpu, memory, pids } = result.stats
    assert(cpu?.usageUs !== undefined && cpu.usageUs > 10_000, JSON.stringify(cpu))
    assert((memory?.peakBytes ?? memory?.currentBytes ?? 0) >= 8 * MIB, JSON.stringify(memory))
    assert.equal(memory?.limitBytes, 64 * MIB)
    assert.equal(pids?.limit, 20)
    const now = await box.stats()
    assert((now.cpu?.usageUs ?? 0) >= (cpu?.usageUs ?? Infinity))
    // The file is in a tmpfs, whose pages are charged to the group that wrote it.
    assert((now.memory?.currentBytes ?? 0) >= 8 * MIB, JSON.stringify(now.memory))
  },
)

test('L60: pause() stops every process, resume() lets them go on, and nothing is started meanwhile', root, async () => {
  await using box = await Sandbox.create({})
  const busy = await box.spawn('sh', ['-c', 'while :; do :; done'])
  await eventually(
    async () => (await counted(box)) > 20_000,
    () => 'the loop does not run',
  )
  await box.pause()
  const paused = await counted(box)
  await sleep(200)
  assert.equal(await counted(box), paused, 'CPU time goes on')
  await assert.rejects(box.run('true'), (error) => error instanceof StateError && error.state === 'paused')
  await box.resume()
  await eventually(
    async () => (await counted(box)) > paused,
    () => 'the loop does not go on',
  )
  busy.kill('SIGKILL')
  assert.equal((await box.run('echo', ['on'])).stdout, 'on\n')
})

test('a command that is paused is ended when its time is up', root, async () => {
  await using box = await Sandbox.create({})
  const command = await box.spawn('sleep', ['100'], { timeoutMs: 600, graceMs: 50 })
  await box.pause()
  const { outcome, usage } = await command.wait()
  assert.equal(outcome, 'timeout')
  assert(usage.wallMs < 5000, String(usage.wallMs))
  assert.equal((await box.run('echo', ['goes on'])).stdout, 'goes on\n')
})

test('a paused sandbox can be closed, and leaves nothing', root, async () => {
  const box = await Sandbox.create({})
  await box.spawn('sleep', ['100'])
  await box.pause()
  await box.close()
  assert.deepEqual(
    groupsOf(process.pid).filter((directory) => directory.includes(`carrel-${box.id}.`)),
    [],
  )
})

test('X34: update() changes the limits of a live sandbox, and what is refused changes nothing', root, async () => {
  await using box = await Sandbox.create({ memory: '64M', pids: 50 })
  await box.update({ pids: 4, memory: '32M' })
  assert.equal(fileOf(box, 'pids.max'), '4')
  assert.equal(fileOf(box, 'memory.max', 'memory.limit_in_bytes'), String(32 * MIB))
  const bomb = await box.run('sh', ['-c', 'for i in 1 2 3 4 5 6; do sleep 1 & done; wait'])
  assert.match(bomb.stderr, /fork/i)
  assert((bomb.stats.pids?.failures ?? 1) > 0)
  await box.update({ memory: '128M' })
  assert.equal(fileOf(box, 'memory.max', 'memory.limit_in_bytes'), String(128 * MIB))
  await assert.rejects(box.update({}), (error) => error instanceof InvalidInputError && error.field === 'resources')
  await assert.rejects(
    box.update({ resources: { hugepageLimits: [{ pageSize: '2MB', limit: 0 }] } }),
    (error) => error instanceof UnsupportedError && /hugepageLimits/.test(error.message),
  )
  assert.equal(fileOf(box, 'pids.max'), '4')
})

test('X33: watch() tells that memory ran out, without asking', root, async () => {
  const box = await Sandbox.create({ memory: '24M', tmp: '8M' })
  const kinds: string[] = []
  const watch = await box.watch()
  const seen = (async () => {
    for await (const { kind } of watch) kinds.push(kind)
  })()
  const hog = await box.run('sh', ['-c', 'head -c 100M /dev/zero | tail -c 100M > /dev/null'])
  assert(hog.usage.oomKills > 0)
  await eventually(
    () => kinds.includes('oom-kill'),
    () => `only ${kinds.join(', ')}`,
  )
  await box.close()
  await seen
  assert.equal(kinds.at(-1), 'gone')
})

test('options of resources: what is said twice, or cannot be meant, is refused by name', async () => {
  const refused = (options: Parameters<typeof Sandbox.create>[0], field: string) =>
    assert.rejects(
      Sandbox.create(options),
      (error) => error instanceof InvalidInputError && error.field === field,
      field,
    )
  await refused({ memory: '1G', memorySwap: '512M' }, 'memorySwap')
  await refused({ memory: '1G', resources: { memory: { limit: 4096 } } }, 'memory')
  await refused({ pids: 3, resources: { pids: { limit: 4 } } }, 'pids')
  await refused({ cpus: 1, resources: { cpu: { quota: 1000 } } }, 'cpus')
  await refused({ resources: { memory: { limmit: 4096 } as object } }, 'memory.limmit')
  await refused({ cpuset: '0-' }, 'cpu.cpus')
  await refused({ cgroupManager: 'me' as 'auto' }, 'cgroupManager')
  await refused({ name: 'no spaces' }, 'name')
})

const { systemd } = readHostFacts()

test(
  'cgroupManager systemd is refused where systemd does not run, and auto does without it',
  { skip: systemd ? 'systemd runs here' : root.skip },
  async () => {
    await assert.rejects(
      Sandbox.create({ cgroupManager: 'systemd' }),
      (error) => error instanceof UnsupportedError && /systemd/.test(error.message),
    )
    await using box = await Sandbox.create({ cgroupManager: 'auto' })
    assert.equal((await box.run('echo', ['made'])).stdout, 'made\n')
  },
)
