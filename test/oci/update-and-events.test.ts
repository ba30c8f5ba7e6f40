import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { hierarchyOf } from '../support/hierarchies.ts'
import { type Bundle, bundle, type Changes, oci, scratch, startOci, undoAfterTest, useOci } from '../support/oci.ts'
import { requires } from '../support/requires.ts'

useOci()

const NEEDS = requires({ root: true, hierarchies: ['memory', 'pids', 'cpu', 'freezer'] })
const MIB = 2 ** 20

const succeeds = (...words: readonly string[]): string => {
  const { status, stdout, stderr } = oci(words)
  assert.equal(status, 0, stderr)
  return stdout
}

interface Running extends Bundle {
  readonly id: string
  /** A file of its group */
  readonly file: (controller: string, name: string) => string
}

/** A container that runs; it is gone after the test. */
function running(args: readonly string[], linux: Changes = {}): Running {
  const made = bundle({ process: { args }, linux })
  const id = made.cgroup.slice(1)
  undoAfterTest(() => void oci(['delete', '--force', id]))
  succeeds('run', '--detach', '--bundle', made.path, id)
  const file = (controller: string, name: string): string =>
    readFileSync(`${hierarchyOf(controller)}${made.cgroup}/${name}`, 'utf8').trim()
  return { ...made, id, file }
}

test('G04: update takes resources from stdin, a file and options, as engines give them', NEEDS, () => {
  const { id, file } = running(['sleep', '1000'], { resources: { memory: { limit: 64 * MIB, swap: 64 * MIB } } })
  const docker = {
    memory: { limit: 128 * MIB, swap: 256 * MIB, reservation: 0, kernel: 0 },
    cpu: { shares: 0, quota: 0, period: 0, cpus: '', mems: '' },
    blockIO: { weight: 0 },
  }
  const updated = oci(['update', '--resources', '-', id], { stdin: JSON.stringify(docker) })
  assert.equal(updated.status, 0, updated.stderr)
  assert.equal(file('memory', 'memory.memsw.limit_in_bytes'), String(256 * MIB))
  const path = scratch('resources.json')
  writeFileSync(path, JSON.stringify({ pids: { limit: 20 }, cpu: { quota: 50_000, period: 100_000 } }))
  succeeds('update', `--resources=${path}`, id)
  assert.deepEqual([file('pids', 'pids.max'), file('cpu', 'cpu.cfs_quota_us')], ['20', '50000'])
  succeeds('update', '--memory', '32m', '--memory-swap', '32m', '--pids-limit', '-1', '--cpu-share', '77', id)
  assert.deepEqual(
    [file('memory', 'memory.limit_in_bytes'), file('pids', 'pids.max'), file('cpu', 'cpu.shares')],
    [String(32 * MIB), 'max', '77'],
  )
})

test('X29: update names the option or the pointer that is wrong, and changes nothing', NEEDS, () => {
  const { id, file } = running(['sleep', '1000'])
  const refused = (words: readonly string[], stdin = ''): string => {
    const { status, stderr } = oci(['update', ...words, id], { stdin })
    assert.notEqual(status, 0)
    return stderr
  }
  assert.match(refused(['--memory', 'much']), /--memory must be a size/)
  assert.match(refused(['--resources', '-'], '{"pids":{"limit":3},"memory":{"limit":"x"}}'), /\/memory\/limit must/)
  assert.match(refused(['--resources', '-'], '{'), /stdin/)
  assert.match(refused(['--resources', '/nonexistent']), /--resources names \/nonexistent, which does not exist/)
  assert.match(refused(['--l3-cache-schema', 'L3:0=f']), /no class of resctrl/)
  assert.equal(file('pids', 'pids.max'), 'max')
  const unknown = oci(['update', '--resources', '-', id], { stdin: '{"pids":{"limit":3},"later":{}}' })
  assert.equal(unknown.status, 0, unknown.stderr)
  assert.match(unknown.stderr, /\/later/)
  assert.equal(file('pids', 'pids.max'), '3')
})

test(
  'L60: pause stops every process and resume lets them run; both refuse what is in another state',
  NEEDS,
  async () => {
    const { id } = running(['sh', '-c', 'while :; do :; done'])
    const cpuTime = (): string => {
      const { data } = JSON.parse(succeeds('events', '--stats', id)) as { data: { cpu: { usage: { total: number } } } }
      return String(data.cpu.usage.total)
    }
    const refused = (command: string, message: RegExp): void => assert.match(oci([command, id]).stderr, message)
    refused('resume', /is running and not paused/)
    succeeds('pause', id)
    assert.match(succeeds('state', id), /"status": ?"paused"/)
    const before = cpuTime()
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(cpuTime(), before)
    refused('pause', /is paused: it must be running/)
    succeeds('resume', id)
    assert.match(succeeds('state', id), /"status": ?"running"/)
    await eventually(
      () => cpuTime() !== before,
      () => 'it runs again',
    )
  },
)

test(
  'L59, X33: events prints statistics at an interval, oom when memory runs out, and ends with the container',
  NEEDS,
  async () => {
    const limit = { memory: { limit: 16 * MIB, swap: 16 * MIB } }
    const { id, root } = running(
      ['sh', '-c', 'while [ ! -e /go ]; do sleep 0.02; done; a=x; while :; do a=$a$a; done'],
      {
        resources: limit,
      },
    )
    const child = startOci(['events', '--interval', '50ms', id])
    const ended = once(child, 'exit')
    const types = new Set<string>()
    for await (const line of createInterface({ input: child.stdout! })) {
      const event = JSON.parse(line) as { type: string; id: string; data?: { memory: { usage: { limit: number } } } }
      assert.equal(event.id, id)
      if (event.type === 'stats') assert.equal(event.data?.memory.usage.limit, 16 * MIB)
      if (types.size === 0) writeFileSync(`${root}/go`, '')
      types.add(event.type)
    }
    assert.deepEqual([...types], ['stats', 'oom'])
    assert.deepEqual(await ended, [0, null])
    assert.match(oci(['events', '--stats', id]).stderr, /not running|has stopped/)
    assert.match(oci(['events', '--interval', '0s', id]).stderr, /--interval must be a time above 0/)
  },
)
