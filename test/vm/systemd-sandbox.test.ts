import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { dirname } from 'node:path'
import { listRecords } from '../../src/container/records.ts'
import { Sandbox, type SandboxOptions } from '../../src/sandbox/index.ts'
import { ORDINARY } from './systemd-units.ts'

// As root and as an ordinary user, both in a delegated scope: a sandbox has its limits whoever makes its groups.

const MIB = 2 ** 20
const LIMITS: SandboxOptions = { memory: '64M', pids: 20, cpus: 0.5 }
const boxes: Sandbox[] = []
after(async () => {
  for (const box of boxes) await box.close()
})

/** The directory of a sandbox's v2 group, as its record tells; the kernel says who is in it. */
async function made(options: SandboxOptions): Promise<{ box: Sandbox; directory: string }> {
  const box = await Sandbox.create({ ...LIMITS, ...options })
  boxes.push(box)
  const record = listRecords().records.find((each) => each.record.id === box.id) ?? assert.fail('no record')
  const [place, ...more] = record.record.places
  assert.deepEqual(more, [], 'one group on v2')
  const directory = place?.directory ?? assert.fail('no group')
  const first = readFileSync(`${directory}/cgroup.procs`, 'utf8').split('\n')
  assert(first.includes(String(box.pid)), `${box.pid} is not in ${directory}`)
  return { box, directory }
}

function assertLimits(directory: string): void {
  assert.equal(readFileSync(`${directory}/memory.max`, 'utf8'), `${64 * MIB}\n`)
  assert.equal(readFileSync(`${directory}/pids.max`, 'utf8'), '20\n')
  assert.equal(readFileSync(`${directory}/cpu.max`, 'utf8'), '50000 100000\n')
}

async function assertWorks(box: Sandbox): Promise<void> {
  const hog = await box.run('sh', ['-c', 'head -c 200M /dev/zero | tail -c 200M > /dev/null'])
  assert(hog.usage.oomKills > 0, JSON.stringify(hog.stats))
  assert((hog.stats.cpu?.usageUs ?? 0) > 0)
  await box.pause()
  await box.resume()
  assert.equal((await box.run('echo', ['on'])).stdout, 'on\n')
}

test('X01: in a delegated scope groups are made by files below it, and this process moves to a leaf', async () => {
  const { box, directory } = await made({ cgroupManager: 'files' })
  const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? ''
  assert.match(own, /\/carrel-self$/)
  assert.equal(dirname(directory), `/sys/fs/cgroup${dirname(own)}`)
  assertLimits(directory)
  await assertWorks(box)
})

test('X01, L58: asked for, systemd gives one scope to all sandboxes of a program, and their limits hold there', async () => {
  const { box, directory } = await made({ cgroupManager: 'systemd' })
  const second = await made({ cgroupManager: 'systemd' })
  assert.equal(dirname(second.directory), dirname(directory))
  assert.match(dirname(directory), /\/carrel-\d+\.scope$/)
  assert.equal(dirname(directory).includes('/user@'), ORDINARY)
  assertLimits(directory)
  await assertWorks(box)
  const usual = await made({})
  await assertWorks(usual.box)
})
