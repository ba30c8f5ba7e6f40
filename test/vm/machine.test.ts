import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'

// What other tests rely on: without it they would pass or skip without showing anything.

const read = (path: string): string => readFileSync(path, 'utf8')

test('The machine has cgroup v2 alone, with every controller', () => {
  const groups = read('/proc/self/mountinfo').split('\n')
  const types = groups.flatMap((line) => / - (cgroup2?) /.exec(line)?.[1] ?? [])
  assert.deepEqual(types, ['cgroup2'])
  const controllers = read('/sys/fs/cgroup/cgroup.controllers').trim().split(' ')
  assert.deepEqual(controllers.sort(), ['cpu', 'cpuset', 'hugetlb', 'io', 'memory', 'misc', 'pids', 'rdma'])
})

test('The machine has swap, so that limits of swap are real', () => {
  assert.match(read('/proc/swaps'), /^\/dev\/zram0\s/m)
})

test('The machine has a disk for limits of input and output', () => {
  const disk = process.env['CARREL_TEST_DISK'] ?? ''
  assert.ok(statSync(disk).isBlockDevice(), disk)
  assert.equal(read(`/sys/class/block/${disk.replace('/dev/', '')}/size`).trim(), String((64 * 2 ** 20) / 512))
})

test('The first program reaps what its children leave', () => {
  assert.match(read('/proc/1/status'), /^Name:\tsh$/m)
  const zombies = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && /^State:\tZ/m.test(statusOf(name)))
  assert.deepEqual(zombies, [])
})

/** Empty for a process that has just gone. */
function statusOf(pid: string): string {
  try {
    return read(`/proc/${pid}/status`)
  } catch {
    return ''
  }
}
