import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cgroup } from '../../../src/cgroup/index.ts'
import type { BlockIoResources } from '../../../src/features/cgroups/resources.ts'
import { type Disk, DISK_BYTES } from './disk.ts'
import type { Measured } from './effect.ts'
import { shown } from './files.ts'
import { Hog } from './hog.ts'

/** One of the four throttles: how dd(1) meets it, and where the kernel counts it. */
export interface Throttle {
  readonly key: keyof BlockIoResources & `throttle${string}`
  /** A second */
  readonly rate: number
  readonly counter: 'readBytes' | 'writeBytes' | 'reads' | 'writes'
  readonly words: (disk: Disk) => string
  readonly block: number
}

const KIB = 1024
const MIB = 1024 * KIB
const SECONDS = 2
/** On a busy machine two seconds may not do: measured so many times as long. */
const WINDOWS = 4
/** Several at once, so that the disk always has something to do, even when the machine is busy. */
const WORKERS = 4

const reading = ({ path }: Disk): string => `if=${path} of=/dev/null iflag=direct`
const writing = ({ path }: Disk): string => `if=/dev/zero of=${path} oflag=direct conv=notrunc`

/** Far below what a disk in software does, and such that they last; the kernel allows whole operations in slices of 100 ms. */
export const THROTTLES: readonly Throttle[] = [
  { key: 'throttleReadBpsDevice', rate: MIB, counter: 'readBytes', words: reading, block: 64 * KIB },
  { key: 'throttleWriteBpsDevice', rate: MIB, counter: 'writeBytes', words: writing, block: 64 * KIB },
  { key: 'throttleReadIOPSDevice', rate: 50, counter: 'reads', words: reading, block: 4 * KIB },
  { key: 'throttleWriteIOPSDevice', rate: 50, counter: 'writes', words: writing, block: 4 * KIB },
]

/** What the kernel counts for the group in two seconds, or a few times as many, is what the limit allows, within 20 %. */
export async function throttled(group: Cgroup, disk: Disk, throttle: Throttle): Promise<Measured> {
  const { rate, counter, words, block } = throttle
  const dd = `dd ${words(disk)} bs=${block} count=${DISK_BYTES / block} 2>/dev/null`
  await using hog = await Hog.start(group, `${`${dd} & `.repeat(WORKERS)} wait`)
  const counted = async (): Promise<number> => {
    const { io } = await group.statistics(['io'])
    const device = io?.devices.find(({ major, minor }) => major === disk.major && minor === disk.minor)
    return device?.[counter] ?? 0
  }
  // All of them have begun, and what was allowed at first is used up.
  for (const end = performance.now() + 20_000; (await counted()) < rate / 2; await sleep(20)) {
    assert(performance.now() < end, 'nothing is read or written')
  }
  const [before, start] = [await counted(), performance.now()]
  let [had, measured, isHeld] = [0, 0, false]
  for (let window = 1; window <= WINDOWS && !isHeld; window++) {
    await sleep(SECONDS * 1000)
    had = ((await counted()) - before) / ((performance.now() - start) / 1000)
    assert(shown(group, 'cgroup.procs').includes(String(hog.pid)), 'they have not come to an end')
    measured = had / rate
    isHeld = measured > 0.8 && measured < 1.2
  }
  assert(isHeld, `${had} of ${rate}`)
  const unit = counter.endsWith('Bytes') ? 'B/s' : 'op/s'
  const how = `${WORKERS} processes with direct operations of ${block} bytes had ${Math.round(had)} of ${rate} ${unit}`
  return { how, measured }
}
