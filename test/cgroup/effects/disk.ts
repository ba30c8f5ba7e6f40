import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { BlockDevice } from '../../../src/features/cgroups/resources.ts'

/** Something on a block device that can be read and written past the page cache. */
export interface Disk extends BlockDevice {
  /** A file, or the device itself */
  readonly path: string
  remove(): void
}

/** What can be read and written of it. */
export const DISK_BYTES = 8 * 2 ** 20

/** A disk that `CARREL_TEST_DISK` gives away, or a file on the disk of temporary files; undefined when both are none. */
export function openDisk(): Disk | undefined {
  const given = process.env['CARREL_TEST_DISK']
  if (given !== undefined && isWritable(given)) {
    return { path: given, ...wholeDisk(statSync(given).rdev), remove: () => {} }
  }
  const folder = mkdtempSync(join(tmpdir(), 'carrel-disk-'))
  const path = join(folder, 'file')
  const remove = (): void => rmSync(folder, { recursive: true })
  // Its blocks have to be there: what makes them is not charged to the group that writes.
  const made = spawnSync('dd', ['if=/dev/zero', `of=${path}`, 'bs=1M', `count=${DISK_BYTES / 2 ** 20}`, 'oflag=direct'])
  const { dev } = statSync(folder)
  if (made.status === 0 && existsSync(sysfsOf(dev))) return { path, ...wholeDisk(dev), remove }
  remove()
  return undefined
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** How the kernel numbers devices for user space, makedev(3). */
const majorOf = (dev: number): number => (dev >>> 8) & 0xfff
const minorOf = (dev: number): number => (dev & 0xff) | ((dev >>> 12) & 0xfff00)
const sysfsOf = (dev: number): string => `/sys/dev/block/${majorOf(dev)}:${minorOf(dev)}`

/** Limits are of whole disks: a partition lies in the folder of its own in sysfs. */
function wholeDisk(dev: number): BlockDevice {
  const folder = realpathSync(sysfsOf(dev))
  const disk = existsSync(join(folder, 'partition')) ? dirname(folder) : folder
  const [major = 0, minor = 0] = readFileSync(join(disk, 'dev'), 'utf8').trim().split(':').map(Number)
  return { major, minor }
}
