import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cgroup } from '../../../src/cgroup/index.ts'
import type { DeviceRule } from '../../../src/features/devices/device-rule.ts'
import type { Agent } from '../../../src/process/index.ts'
import { program } from '../../../src/program/builder.ts'
import type { Measured } from './effect.ts'
import { holds } from './files.ts'
import { Hog, runIn, SPIN } from './hog.ts'
import { eventually } from '../../support/eventually.ts'

/** /dev/null is open to all, /dev/zero to be read, and nothing else is. */
export const DEVICES: readonly DeviceRule[] = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' },
  { allow: true, type: 'c', major: 1, minor: 5, access: 'r' },
]

/** Each line tells whether one access was possible; only root can make nodes at all. */
const ACCESSES = `
try() { if (eval "$2") 2>/dev/null; then echo "$1 yes"; else echo "$1 no"; fi; }
try read_null 'true </dev/null'
try write_null 'true >/dev/null'
try read_zero 'true </dev/zero'
try write_zero 'true >/dev/zero'
try read_full 'true </dev/full'
if [ $(id -u) = 0 ]; then
  folder=$(mktemp -d)
  try make_null 'mknod $folder/null c 1 3'
  try make_zero 'mknod $folder/zero c 1 5'
  rm -r $folder
fi
`

export async function onlyTheseDevices(group: Cgroup): Promise<Measured> {
  const { stdout } = await runIn(group, ACCESSES)
  const made = stdout.includes('make_') ? ['make_null yes', 'make_zero no'] : []
  assert.deepEqual(stdout.trim().split('\n'), [
    ...['read_null yes', 'write_null yes', 'read_zero yes', 'write_zero no', 'read_full no'],
    ...made,
  ])
  return { how: 'null was read and written, zero read; writing zero, making its node and reading full were denied' }
}

/** A frozen loop uses no CPU time, and goes on when it is thawed. */
export async function standsStill(group: Cgroup): Promise<Measured> {
  await using hog = await Hog.start(group, SPIN)
  const runsOn = (since: number): Promise<unknown> =>
    eventually(
      () => hog.cpuSeconds() > since,
      () => `it stays at ${since} s`,
    )
  await runsOn(0.05)
  await group.freeze()
  const before = hog.cpuSeconds()
  await sleep(500)
  assert.equal(hog.cpuSeconds(), before, 'a frozen process counts no time')
  assert.equal((await group.statistics(['freezer'])).freezer, 'frozen')
  await group.thaw()
  await runsOn(before)
  return { how: 'a loop used no CPU time for 500 ms, and went on when thawed' }
}

export const HUGE = 2 ** 21

/** Huge pages that are free now. */
const freePages = (): number => Number(/^HugePages_Free:\s+(\d+)$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1])

/** One page may be had, a second may not. */
export async function oneHugePage(group: Cgroup, root: Agent): Promise<Measured> {
  if (freePages() < 2) {
    return holds(['hugetlb.2MB.max', 'hugetlb.2MB.limit_in_bytes'], String(HUGE), 'no huge pages are free here')(group)
  }
  await using user = await root.fork()
  await group.add(user.hostPid ?? 0)
  assert.equal(await touchPage(user), undefined)
  const { hugetlb } = await group.statistics(['hugetlb'])
  assert.equal(hugetlb?.find(({ pageSize }) => pageSize === '2MB')?.currentBytes, HUGE)
  assert.equal(await touchPage(user), 'ENOMEM')
  return { how: 'one huge page was mapped, the second was refused with ENOMEM', measured: 1 }
}

/**
 * Maps a huge page and has the kernel fill it in, so that it counts; gives the error. Where reservations are not bounded too (before
 * Linux 5.7), mlock(2) is what fails: just touching the page would be SIGBUS.
 */
async function touchPage(user: Agent): Promise<string | undefined> {
  const p = program()
  const flags = ['MAP_PRIVATE', 'MAP_ANONYMOUS', 'MAP_HUGETLB'] as const
  const address = p.mmap(0, HUGE, ['PROT_READ', 'PROT_WRITE'], flags, -1, 0)
  p.syscall('mlock', address, HUGE)
  return (await user.attempt(p)).failure?.errno
}
