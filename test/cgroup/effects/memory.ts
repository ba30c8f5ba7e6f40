import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cgroup } from '../../../src/cgroup/index.ts'
import { eventually } from '../../support/eventually.ts'
import type { Measured } from './effect.ts'
import { shown } from './files.ts'
import { Hog, runIn } from './hog.ts'

export const MIB = 2 ** 20

export const LIMIT = 32 * MIB
const HOG = 128 * MIB

/** Fills a buffer of its own in one system call, which is quick on a test machine in software too. Tells how it ended. */
const hogOf = (bytes: number): string => `dd if=/dev/zero of=/dev/null bs=${bytes} count=1 2>/dev/null; echo $?`

export const SLOW_LIMIT = 8 * MIB

/** Uses memory bit by bit: where the kernel slows down what uses more, it does so on its way back to user space. */
const slowHogOf = (bytes: number): string => `head -c ${bytes} /dev/zero | tail -c ${bytes} >/dev/null; echo $?`

/** Touches its memory in user space only: without the OOM killer a system call that finds none fails instead of waiting. */
const ownHogOf = (bytes: number): string => `s=x; while [ \${#s} -lt ${bytes} ]; do s=$s$s; done`

/** 128 and the number of SIGKILL: how a shell tells it. */
const KILLED = '137\n'

const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)}M`

/** A hog dies at the limit, the peak is the limit within 5 %, and the kernel has counted a kill. */
export async function killedAtLimit(group: Cgroup): Promise<Measured> {
  const { stdout } = await runIn(group, hogOf(HOG))
  assert.equal(stdout, KILLED, 'the hog dies, and not the shell beside it')
  const { memory } = await group.statistics(['memory'])
  assert((memory?.oomKills ?? 0) > 0, JSON.stringify(memory))
  const peak = memory?.peakBytes ?? 0
  assert(peak > 0.95 * LIMIT && peak <= 1.05 * LIMIT, mib(peak))
  return { how: `a hog of ${mib(HOG)} was killed at ${mib(peak)} of ${mib(LIMIT)}`, measured: peak / LIMIT }
}

/** Whether this machine has anything to swap to: the first line is a heading. */
const hasSwap = (): boolean => readFileSync('/proc/swaps', 'utf8').trim().split('\n').length > 1

/** With half of the bound for swap: what fits into both lives, what does not dies, and swap never holds more than its part. */
export async function swapHoldsRest(group: Cgroup): Promise<Measured> {
  const fits = (await runIn(group, hogOf(1.5 * LIMIT))).stdout
  if (!hasSwap()) {
    assert.equal(fits, KILLED)
    return { how: `this machine has no swap; the bound on both is set, and a hog of ${mib(1.5 * LIMIT)} was killed` }
  }
  assert.equal(fits, '0\n', 'what fits into memory and swap lives')
  await using hog = await Hog.start(group, hogOf(HOG))
  let [most, running] = [0, true]
  void hog.ended.then(() => (running = false))
  while (running) {
    most = Math.max(most, (await group.statistics(['memory', 'swap'])).memory?.swapBytes ?? 0)
    await sleep(5)
  }
  assert.equal((await hog.ended).stdout, KILLED)
  assert(most > 0 && most <= 1.05 * LIMIT, mib(most))
  const how = `${mib(1.5 * LIMIT)} fitted into ${mib(LIMIT)} and as much swap, ${mib(HOG)} was killed with ${mib(most)} of swap`
  return { how, measured: most / LIMIT }
}

/** Above memory.high a hog is slowed down, reclaimed from, and not killed. */
export async function slowedAtHigh(group: Cgroup): Promise<Measured> {
  await using hog = await Hog.start(group, slowHogOf(HOG))
  await eventually(
    () => /^high [1-9]/m.test(shown(group, 'memory.events')),
    () => shown(group, 'memory.events'),
    30_000,
  )
  await sleep(1000)
  const { memory } = await group.statistics(['memory'])
  assert.equal(memory?.oomKills, 0)
  assert(shown(group, 'cgroup.procs').includes(String(hog.pid)), 'it still runs')
  const peak = memory.peakBytes ?? memory.currentBytes ?? 0
  assert(peak > 0.95 * SLOW_LIMIT && peak < 1.25 * SLOW_LIMIT, mib(peak))
  const how = `a hog of ${mib(HOG)} was held at ${mib(peak)} of ${mib(SLOW_LIMIT)}, alive`
  return { how, measured: peak / SLOW_LIMIT }
}

/** With memory.oom.group, what does not use memory dies too. */
export async function allDieTogether(group: Cgroup): Promise<Measured> {
  const { signal, stdout } = await runIn(group, `sleep 30 & ${hogOf(HOG)}`)
  assert.deepEqual([signal, stdout], ['SIGKILL', ''], 'the shell dies with the hog')
  await eventually(
    () => shown(group, 'cgroup.procs') === '',
    () => shown(group, 'cgroup.procs'),
  )
  const { memory } = await group.statistics(['memory'])
  assert((memory?.oomKills ?? 0) >= 3, JSON.stringify(memory))
  return { how: `a hog, its shell and a sleeper died together, ${memory?.oomKills} processes` }
}

/** Without the OOM killer a hog waits at the limit, and can still be killed. */
export async function waitsForMemory(group: Cgroup): Promise<Measured> {
  await using hog = await Hog.start(group, ownHogOf(HOG))
  await eventually(
    () => shown(group, 'memory.oom_control').includes('under_oom 1'),
    () => shown(group, 'memory.oom_control'),
    30_000,
  )
  const { memory } = await group.statistics(['memory'])
  assert.equal(memory?.oomKills ?? 0, 0)
  const peak = memory?.peakBytes ?? 0
  await group.kill()
  assert.equal((await hog.ended).signal, 'SIGKILL')
  const how = `a hog of ${mib(HOG)} waited at ${mib(peak)} of ${mib(SLOW_LIMIT)}`
  return { how, measured: peak / SLOW_LIMIT }
}
