import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cgroup } from '../../../src/cgroup/index.ts'
import type { Agent, SyscallError } from '../../../src/process/index.ts'
import { eventually } from '../../support/eventually.ts'
import type { Measured } from './effect.ts'
import { shown } from './files.ts'
import { Hog } from './hog.ts'

export const PIDS = 8

/** As many processes as the limit run; the next fork fails, with EAGAIN, and is counted. */
export async function exactlyAsMany(group: Cgroup, root: Agent): Promise<Measured> {
  await using first = await root.fork()
  await group.add(first.hostPid ?? 0)
  const others: Agent[] = []
  try {
    while (others.length < PIDS - 1) others.push(await first.fork())
    assert.equal((await group.statistics(['pids'])).pids?.current, PIDS)
    await assert.rejects(first.fork(), (error: SyscallError) => error.errno === 'EAGAIN')
  } finally {
    for (const other of others) await other.close()
  }
  const { pids } = await group.statistics(['pids'])
  // pids.events came with 4.8, and since 6.11 counts on v2 in the group that has the limit.
  assert.notEqual(pids?.failures, 0)
  return { how: `${PIDS} processes ran, fork ${PIDS} of the first got EAGAIN`, measured: 1 }
}

/** Most processes that a bomb may become. */
export const BOMB = 64

/** A fork bomb fills its group, the machine goes on, and one order ends all of it. */
export async function endsBomb(group: Cgroup, root: Agent): Promise<Measured> {
  await using hog = await Hog.start(group, 'bomb() { bomb | bomb & }; bomb; sleep 30')
  let most = 0
  const isFull = (): boolean => {
    most = Math.max(most, shown(group, 'cgroup.procs').split('\n').length - 1)
    return /^max [1-9]/m.test(shown(group, 'pids.events'))
  }
  await eventually(isFull, () => `${most} processes`, 20_000)
  await sleep(200)
  isFull()
  assert(most <= BOMB, String(most))
  await using outside = await root.fork()
  assert(outside.hostPid !== undefined, 'others can fork meanwhile')
  await group.kill()
  await hog.ended
  await eventually(
    () => shown(group, 'cgroup.procs') === '',
    () => shown(group, 'cgroup.procs'),
    10_000,
  )
  return { how: `a fork bomb stopped at ${BOMB} processes, others could fork, and it was killed whole`, measured: 1 }
}
