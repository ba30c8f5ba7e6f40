import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Cgroup } from '../../src/cgroup/index.ts'
import type { Resources } from '../../src/features/cgroups/resources.ts'
import { Agent } from '../../src/process/index.ts'
import { checkMachine } from '../support/machine-check.ts'
import {
  boundTo,
  boundToNodes,
  heldToQuota,
  heldToRealtime,
  lastCpu,
  leavesTime,
  QUOTA,
  sharedByWeight,
} from './effects/cpu.ts'
import { openDisk } from './effects/disk.ts'
import { type Case, create, remove, showEffect } from './effects/effect.ts'
import { holds } from './effects/files.ts'
import { throttled, THROTTLES } from './effects/io.ts'
import {
  allDieTogether,
  killedAtLimit,
  LIMIT,
  SLOW_LIMIT,
  slowedAtHigh,
  swapHoldsRest,
  waitsForMemory,
} from './effects/memory.ts'
import { DEVICES, HUGE, oneHugePage, onlyTheseDevices, standsStill } from './effects/others.ts'
import { BOMB, endsBomb, exactlyAsMany, PIDS } from './effects/pids.ts'

// Every limit by its effect, on whatever host this runs: a limit that the host cannot enforce has to be refused by its name.

let agent: Agent
before(async () => {
  agent = await Agent.start()
})
after(() => agent.close())

checkMachine()

/** A test of one limit. Most of the time of a group is spent waiting, so cases that measure no time are many and those that do are short. */
const effect = (title: string, shown: Case): void => void test(title, () => showEffect(agent, shown))

effect('G10, L21, X01: memory and swap together kill a hog at the limit', {
  limit: 'memory.limit',
  always: 'memory',
  resources: { memory: { limit: LIMIT, swap: LIMIT } },
  measure: killedAtLimit,
})
effect('G10, L21: swap takes no more than its part', {
  limit: 'memory.swap',
  resources: { memory: { limit: LIMIT, swap: 2 * LIMIT } },
  measure: swapHoldsRest,
})
effect('L21: a reservation of memory is there for when the machine runs short', {
  limit: 'memory.reservation',
  always: 'memory',
  resources: { memory: { reservation: LIMIT } },
  measure: holds(['memory.low', 'memory.soft_limit_in_bytes'], String(LIMIT), 'it acts when the machine runs short'),
})
effect('a limit of kernel memory, which no kernel enforces any more, is refused', {
  limit: 'memory.kernel',
  resources: { memory: { kernel: LIMIT } },
  measure: () => assert.fail('not refused'),
})
effect('buffers of TCP sockets are bounded', {
  limit: 'memory.kernelTCP',
  resources: { memory: { kernelTCP: LIMIT } },
  measure: holds(['memory.kmem.tcp.limit_in_bytes'], String(LIMIT), 'sockets that need more shrink their windows'),
})
effect('swappiness is set', {
  limit: 'memory.swappiness',
  resources: { memory: { swappiness: 10 } },
  measure: holds(['memory.swappiness'], '10', 'it acts when memory is reclaimed'),
})
effect('without the OOM killer a hog waits at the limit', {
  limit: 'memory.disableOOMKiller',
  resources: { memory: { limit: SLOW_LIMIT, swap: SLOW_LIMIT, disableOOMKiller: true } },
  measure: waitsForMemory,
})
effect('X01: out of memory ends the whole group', {
  limit: 'memory.oomGroup',
  resources: { memory: { limit: LIMIT, swap: LIMIT, oomGroup: true } },
  measure: allDieTogether,
})
effect('X01: a raw file of cgroup v2 is written as it is, and holds a hog back', {
  limit: 'unified.memory.high',
  resources: { unified: { 'memory.high': String(SLOW_LIMIT) } },
  measure: slowedAtHigh,
})
effect('L21, X01: CPU time is held to the quota', {
  limit: 'cpu.quota',
  always: 'cpu',
  resources: { cpu: QUOTA },
  measure: heldToQuota,
})
effect('CPU time may be saved up for later', {
  limit: 'cpu.burst',
  resources: { cpu: { ...QUOTA, burst: 10_000 } },
  measure: holds(['cpu.max.burst', 'cpu.cfs_burst_us'], '10000', 'periods that were not used up lend it to later ones'),
})
effect('realtime processes are held to their runtime', {
  limit: 'cpu.realtimeRuntime',
  resources: { cpu: { realtimeRuntime: 100_000 } },
  measure: heldToRealtime(0.1),
})
effect('G10, L21: processes are bound to CPUs', {
  limit: 'cpu.cpus',
  resources: { cpu: { cpus: lastCpu() } },
  measure: (group) => boundTo(group, lastCpu()),
})
effect('G10: processes are bound to memory nodes', {
  limit: 'cpu.mems',
  resources: { cpu: { mems: '0' } },
  measure: (group) => boundToNodes(group, '0'),
})
effect('X01, X34: exactly as many processes run as the limit says', {
  limit: 'pids.limit',
  always: 'pids',
  resources: { pids: { limit: PIDS } },
  measure: exactlyAsMany,
})
effect('G11: a fork bomb ends, and the host goes on', {
  limit: 'pids.limit',
  always: 'pids',
  resources: { pids: { limit: BOMB } },
  measure: endsBomb,
})
effect('L57, X19: only devices that are allowed can be used', {
  limit: 'devices',
  resources: { devices: DEVICES },
  measure: onlyTheseDevices,
})
effect('L60: a frozen group stands still', { limit: 'freezer', resources: { freezer: 'thawed' }, measure: standsStill })
effect('huge pages are bounded', {
  limit: 'hugepageLimits.2MB',
  resources: { hugepageLimits: [{ pageSize: '2MB', limit: HUGE }] },
  measure: oneHugePage,
})
effect('a limit of an RDMA device that is not there is refused', {
  limit: 'rdma.none0',
  resources: { rdma: { none0: { hcaHandles: 1 } } },
  refusal: { file: 'rdma.max', errno: 'ENODEV' },
  measure: () => assert.fail('not refused'),
})
effect('packets are classed', {
  limit: 'network.classID',
  resources: { network: { classID: 0x100001 } },
  measure: holds(['net_cls.classid'], String(0x100001), 'its packets bear it'),
})
effect('packets have priorities', {
  limit: 'network.priorities',
  resources: { network: { priorities: [{ name: 'lo', priority: 5 }] } },
  measure: holds(['net_prio.ifpriomap'], 'lo 5', 'its packets bear it'),
})
effect('L21: a weight of disks is set where a scheduler weighs', {
  limit: 'blockIO.weight',
  resources: { blockIO: { weight: 200 } },
  measure: holds(['io.bfq.weight', 'blkio.bfq.weight'], '200', 'it acts on disks that BFQ schedules'),
})
effect('a weight of the leaf, which left the kernel with its scheduler, is refused', {
  limit: 'blockIO.leafWeight',
  resources: { blockIO: { leafWeight: 200 } },
  refusal: { file: 'blkio.leaf_weight', errno: 'ENOENT' },
  measure: () => assert.fail('not refused'),
})

for (const [limit, resources] of [
  ['cpu.shares', (part: number) => ({ cpu: { shares: 1024 * part } })],
  ['cpu.weight', (part: number) => ({ cpu: { weight: 100 * part } })],
] as const) {
  test(`L21, X01: CPU time is shared by ${limit}`, async () => {
    await withOther(resources(1), (other) =>
      showEffect(agent, {
        limit,
        always: 'cpu',
        resources: resources(2),
        measure: (group) => sharedByWeight(group, other()),
      }),
    )
  })
}

test('L21: CPU time is left to others by a group that is idle', async () => {
  await withOther({ cpu: { weight: 100 } }, (other) =>
    showEffect(agent, {
      limit: 'cpu.idle',
      resources: { cpu: { idle: 1 } },
      measure: (group) => leavesTime(group, other()),
    }),
  )
})

/** With a second group to compare with, which is only missed when the first one can be made. */
async function withOther(resources: Resources, run: (other: () => Cgroup) => Promise<void>): Promise<void> {
  const other = await create(agent, resources).catch((error: unknown) => error as Error)
  try {
    await run(() => {
      if (other instanceof Error) throw other
      return other
    })
  } finally {
    if (!(other instanceof Error)) await remove(other)
  }
}

for (const throttle of THROTTLES) {
  test(`L21: a disk is held to a rate: ${throttle.key}`, async (t) => {
    const disk = openDisk()
    if (!disk) return t.skip('no file of this machine is on a block device')
    const { major, minor } = disk
    try {
      await showEffect(agent, {
        limit: `blockIO.${throttle.key}`,
        always: 'blkio',
        resources: { blockIO: { [throttle.key]: [{ major, minor, rate: throttle.rate }] } },
        measure: (group) => throttled(group, disk, throttle),
      })
    } finally {
      disk.remove()
    }
  })
}
