import assert from 'node:assert/strict'
import { test } from 'node:test'
import { v1Facts, v2Facts } from '../../../test/host/plain-cgroup-facts.ts'
import { program, type Program } from '../../program/builder.ts'
import { printStep } from '../../program/listing.ts'
import { groupSteps, joinSteps, removeSteps, vacateSteps } from './group-steps.ts'
import { planCgroups } from './plan-cgroups.ts'

/** What is called, as strace shows it, and the errors that are no failure. */
function calls(build: (p: Program) => void): string[] {
  const p = program({ arch: 'x64' })
  build(p)
  return p.steps.flatMap(printStep)
}

const LEVELS = planCgroups({ cpu: { cpus: '1' } }, v1Facts(), { name: ['alcove', 'guest'] })

test('G02: groupSteps() makes each level 0755, tolerates one that is there, and fills a cpuset only when it is new', () => {
  assert.deepEqual(
    calls((p) => groupSteps(p, LEVELS)),
    [
      'mkdirat(-100, "/cg/cpuset/own/alcove", 493) = r0 or EEXIST',
      'openat(AT_FDCWD, "/cg/cpuset/own/alcove/cpuset.mems", O_WRONLY|O_CLOEXEC, r0) = r1',
      'write(r1, "0", 1) = r2',
      'close(r1) = 0',
      'openat(AT_FDCWD, "/cg/cpuset/own/alcove/cpuset.cpus", O_WRONLY|O_CLOEXEC, r0) = r4',
      'write(r4, "0-3", 3) = r5',
      'close(r4) = 0',
      'mkdirat(AT_FDCWD, "/cg/cpuset/own/alcove/guest", 0755) = 0',
      'openat(AT_FDCWD, "/cg/cpuset/own/alcove/guest/cpuset.mems", O_WRONLY|O_CLOEXEC) = r8',
      'write(r8, "0", 1) = r9',
      'close(r8) = 0',
      'openat(AT_FDCWD, "/cg/cpuset/own/alcove/guest/cpuset.cpus", O_WRONLY|O_CLOEXEC) = r11',
      'write(r11, "1", 1) = r12',
      'close(r11) = 0',
    ],
  )
})

test('removeSteps() lets a level stay that others use, and nothing else', () => {
  assert.deepEqual(
    calls((p) => removeSteps(p, LEVELS)),
    [
      'unlinkat(AT_FDCWD, "/cg/cpuset/own/alcove/guest", AT_REMOVEDIR) = 0 or ENOENT',
      'unlinkat(AT_FDCWD, "/cg/cpuset/own/alcove", AT_REMOVEDIR) = 0 or ENOENT EBUSY ENOTEMPTY',
    ],
  )
})

test('vacateSteps() moves each process into the leaf, and does not mind one that has ended', () => {
  const vacate = { directory: '/cg/own', leaf: '/cg/own/carrel-self', pids: [7, 8] }
  assert.deepEqual(
    calls((p) => vacateSteps(p, { vacate })),
    [
      'mkdirat(AT_FDCWD, "/cg/own/carrel-self", 0755) = 0 or EEXIST',
      'openat(AT_FDCWD, "/cg/own/carrel-self/cgroup.procs", O_WRONLY|O_CLOEXEC) = r1',
      'write(r1, "7", 1) = r2 or ESRCH',
      'close(r1) = 0',
      'openat(AT_FDCWD, "/cg/own/carrel-self/cgroup.procs", O_WRONLY|O_CLOEXEC) = r4',
      'write(r4, "8", 1) = r5 or ESRCH',
      'close(r4) = 0',
    ],
  )
  assert.deepEqual(
    calls((p) => vacateSteps(p, { vacate: null })),
    [],
  )
})

test('groupSteps() and joinSteps() name directories below a descriptor where they are given one', () => {
  const plan = planCgroups({ pids: { limit: 5 } }, v2Facts(), { name: 'box' })
  assert.deepEqual(
    calls((p) => {
      groupSteps(p, plan, { '/cg/own': 9 })
      joinSteps(p, plan, 42, { '/cg/own': 9 })
    }),
    [
      'mkdirat(9, "box", 0755) = 0',
      'openat(9, "box/pids.max", O_WRONLY|O_CLOEXEC) = r1',
      'write(r1, "5", 1) = r2',
      'close(r1) = 0',
      'openat(9, "box/cgroup.procs", O_WRONLY|O_CLOEXEC) = r4',
      'write(r4, "42", 2) = r5',
      'close(r4) = 0',
    ],
  )
})

test('groupSteps() minds every failure of an optional write but that this kernel or disk has no such thing', () => {
  const plan = planCgroups({ hugepageLimits: [{ pageSize: '2MB', limit: 0 }] }, v2Facts(), { name: 'box' })
  assert.deepEqual(calls((p) => groupSteps(p, plan)).slice(-3), [
    'openat(AT_FDCWD, "/cg/own/box/hugetlb.2MB.rsvd.max", O_WRONLY|O_CLOEXEC) = r4 or ENOENT',
    'write(r4, "0", 1) = r5 or EOPNOTSUPP',
    'close(r4) = 0',
  ])
})
