import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openFolder } from '../sandbox/build.ts'
import { hierarchyOf } from '../support/hierarchies.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { makeRoot, ns, script, written } from './ns.ts'

// Limits, in the files of the kernel while the container lives, and in what it can do.

checkMachine()
const needs = requires({ root: true, program: '/bin/busybox', hierarchies: ['memory', 'pids'] })
let folder = ''
let root = ''
before(() => {
  if (needs.skip !== false) return
  folder = openFolder('ns-limits')
  root = makeRoot(folder)
})
after(() => {
  if (folder) rmSync(folder, { recursive: true })
})

/** A PRE that writes down what files of the group of a controller say. */
function noting(controller: string, files: readonly string[]): string {
  const mount = hierarchyOf(controller)
  return script(
    folder,
    `note-${controller}.sh`,
    `group=$(sed -n 's/^[0-9]*:${controller}://p' /proc/$1/cgroup); echo $group >${folder}/${controller}-group
     cd ${mount}$group; for file in ${files.join(' ')}; do cat $file 2>/dev/null || echo none; done >${folder}/${controller}`,
  )
}

function assertRemoved(controller: string): void {
  const group = written(folder, `${controller}-group`)
  assert.match(group, /\/carrel-ns-\d+$/)
  assert.ok(existsSync(join(hierarchyOf(controller) ?? '', group, '..')))
  const left = readdirSync('/sys/fs/cgroup').filter((name) => existsSync(join('/sys/fs/cgroup', name, group)))
  assert.deepEqual(left, [])
}

test(
  'N10, D-N03: -m bounds memory without swap, the child is in the group, and the group is gone afterwards',
  needs,
  () => {
    const pre = noting('memory', ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes', 'cgroup.procs'])
    const greedy = 'dd if=/dev/zero of=/dev/null bs=100M count=1; echo "code $?"; cat /proc/self/cgroup'
    const { status, stdout, stderr } = ns(['-m', '32M', pre, root, '/bin/sh', '--', '-c', greedy])
    assert.equal(status, 0, stderr)
    assert.match(stdout, /^code 137$/m, 'the kernel has ended what took too much')
    const [limit, both, member] = written(folder, 'memory').split('\n')
    assert.equal(limit, String(32 * 2 ** 20))
    assert.ok(both === limit || both === 'none', `memory and swap together: ${both}`)
    assert.match(member ?? '', /^\d+$/)
    assert.match(stdout, /:memory:\/$/m, 'its cgroup namespace begins at the group')
    assertRemoved('memory')
  },
)

test('--pids bounds how many processes there are', needs, () => {
  const pre = noting('pids', ['pids.max'])
  const { status, stdout, stderr } = ns([
    '--pids',
    '4',
    pre,
    root,
    '/bin/sh',
    '--',
    '-c',
    'for i in 1 2 3 4 5 6; do sleep 0.2 & done; wait',
  ])
  assert.equal(written(folder, 'pids'), '4')
  assert.match(stderr, /can't fork/, `${status} ${stdout}`)
  assertRemoved('pids')
})

test(
  'N04, N22: the call of the README: 1G of memory, a network, PID 1 and uid 0 of an isolated namespace',
  needs,
  () => {
    const pre = noting('memory', ['memory.limit_in_bytes'])
    const { status, stdout, stderr } = ns([
      '--verbose',
      '--network',
      '--memory=1G',
      pre,
      root,
      '/bin/sh',
      '--',
      '-c',
      'echo $$ $(id -u) $(ls /sys | wc -l); ip -o link | wc -l',
    ])
    assert.equal(status, 0, stderr)
    assert.equal(stdout, '1 0 0\n1\n')
    assert.equal(written(folder, 'memory'), String(2 ** 30))
    assert.match(stderr, /^ns: clone: CLONE_NEWNS CLONE_NEWPID CLONE_NEWUTS CLONE_NEWIPC CLONE_NEWNET$/m)
    assertRemoved('memory')
  },
)

test('D-N10: help tells the default there is, and a negative size is refused', needs, () => {
  assert.match(ns(['--help']).stdout.replace(/\s+/g, ' '), /-m, --memory <size> [^-]* \(default: no limit\)/)
  const { status, stderr } = ns(['--memory=-5', '-', root, '/bin/true'])
  assert.equal(status, 125)
  assert.match(
    stderr,
    /^carrel: memory must be a whole number of bytes, not "-5": write it like 512k, 256M, 1G or 268435456$/m,
  )
})
