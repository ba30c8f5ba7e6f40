import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeRoot, ns, script, written } from '../ns/ns.ts'
import { openFolder } from '../sandbox/build.ts'

// carrel ns where cgroup v2 is all there is.

let folder = ''
let root = ''
before(() => {
  folder = openFolder('ns-v2')
  root = makeRoot(folder)
})
after(() => rmSync(folder, { recursive: true }))

test('N10, N11, D-N03: on v2 too, memory is bounded without swap before PRE runs, and the group goes with the container', () => {
  const pre = script(
    folder,
    'note.sh',
    `group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/$1/cgroup); echo $group >${folder}/group
     cat $group/memory.max $group/memory.swap.max $group/pids.max $group/cgroup.procs >${folder}/limits; echo $1 >>${folder}/limits`,
  )
  const greedy = 'dd if=/dev/zero of=/dev/null bs=100M count=1; echo "code $?"; cat /proc/self/cgroup'
  const { status, stdout, stderr } = ns([
    '-u',
    '-m',
    '32M',
    '--pids',
    '20',
    pre,
    root,
    '/bin/sh',
    '7',
    '8',
    '--',
    '-c',
    greedy,
  ])
  assert.equal(status, 0, stderr)
  assert.equal(stdout, 'code 137\n0::/\n')
  const [memory, swap, pids, member, child] = written(folder, 'limits').split('\n')
  assert.deepEqual([memory, swap, pids], [String(32 * 2 ** 20), '0', '20'])
  assert.equal(member, child)
  assert.ok(written(folder, 'group').includes(`/carrel-ns-${child}.`))
  assert.equal(existsSync(join(written(folder, 'group'), 'cgroup.procs')), false)
})
