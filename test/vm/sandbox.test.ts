import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { listRecords } from '../../src/container/records.ts'
import { Sandbox, UnsupportedError } from '../../src/sandbox/index.ts'

// cgroup v2 alone: one group has all limits, and the first process is born in it.

const MIB = 2 ** 20

const groupOf = ({ id }: Sandbox): string =>
  listRecords().records.find(({ record }) => record.id === id)?.record.places[0]?.directory ?? assert.fail('no group')

test('X01, X02: a sandbox has one group with all of its limits, in which its first process was born', async () => {
  await using box = await Sandbox.create({ memory: '48M', pids: 12, cpus: 0.5, cpuWeight: 40, cpuset: '1' })
  const group = groupOf(box)
  const text = (file: string): string => readFileSync(`${group}/${file}`, 'utf8').trim()
  assert.deepEqual(['memory.max', 'memory.swap.max', 'pids.max', 'cpu.max', 'cpu.weight', 'cpuset.cpus'].map(text), [
    String(48 * MIB),
    '0',
    '12',
    '50000 100000',
    '40',
    '1',
  ])
  assert.match(text('cgroup.procs'), new RegExp(`^${box.pid}$`, 'm'))
  // All that the first process ever had is charged here: it never was anywhere else.
  const { stdout, stats } = await box.run('sh', [
    '-c',
    'cat /proc/self/cgroup; grep Cpus_allowed_list /proc/self/status',
  ])
  assert.match(stdout, /^0::\/\nCpus_allowed_list:\t1\n$/)
  assert((stats.pids?.peak ?? 3) >= 2 && stats.pids?.limit === 12, JSON.stringify(stats))
  const hog = await box.run('sh', ['-c', 'head -c 200M /dev/zero | tail -c 200M > /dev/null'])
  assert(hog.usage.oomKills > 0, JSON.stringify(hog.stats))
  const bomb = await box.run('sh', ['-c', 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do sleep 1 & done; wait'])
  assert.match(bomb.stderr, /fork/i)
})

test('X03: a frozen sandbox can be closed on v2, and nothing of it is left', async () => {
  const box = await Sandbox.create({})
  const group = groupOf(box)
  await box.spawn('sleep', ['100'])
  await box.pause()
  assert.match(readFileSync(`${group}/cgroup.events`, 'utf8'), /^frozen 1$/m)
  await box.close()
  assert.throws(() => readFileSync(`${group}/cgroup.procs`), { code: 'ENOENT' })
  assert.deepEqual(
    listRecords().records.filter(({ record }) => record.id === box.id),
    [],
  )
})

test('X19: device rules of a sandbox are a filter on its group', async () => {
  const rules = [
    { allow: false, access: 'rwm' },
    { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' },
  ] as const
  if (process.getuid?.() !== 0) {
    const refused = Sandbox.create({ resources: { devices: rules } })
    await assert.rejects(
      refused,
      (error) => error instanceof UnsupportedError && error.message.startsWith('Cannot enforce devices'),
    )
    return
  }
  await using box = await Sandbox.create({ resources: { devices: rules } })
  const { stdout } = await box.run('sh', [
    '-c',
    'for d in null zero; do (exec 3< /dev/$d) 2>/dev/null && echo $d may || echo $d may not; done',
  ])
  assert.equal(stdout, 'null may\nzero may not\n')
})
