import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DeviceRule } from '../../src/features/devices/device-rule.ts'
import type { OpenFlag } from '../../src/linux/index.ts'
import type { Agent } from '../../src/process/index.ts'
import { eventually } from '../support/eventually.ts'
import { hierarchyOf } from '../support/hierarchies.ts'
import { cgroupName } from '../support/machine-check.ts'

/** A group of a test in one hierarchy; it is removed when its processes are gone. */
export class TestGroup implements AsyncDisposable {
  readonly directory: string

  /** @param hierarchy as `hierarchyOf` knows it, `devices`; or a group to be its parent */
  constructor(name: string, hierarchy: string | TestGroup) {
    const parent = typeof hierarchy === 'string' ? hierarchyOf(hierarchy) : hierarchy.directory
    this.directory = join(parent ?? '', cgroupName(name))
    mkdirSync(this.directory)
  }

  file(name: string): string {
    return join(this.directory, name)
  }

  write(name: string, value: string): void {
    writeFileSync(this.file(name), value)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const removed = () => {
      try {
        rmdirSync(this.directory)
        return true
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
        return false
      }
    }
    await eventually(removed, () => `${this.directory} still has processes`)
  }
}

/** What a process may do with devices, in the kernel's words: `ok`, or the name of the error. */
export const DEVICE_DEEDS = {
  'read null': ['/dev/null', 'O_RDONLY'],
  'write null': ['/dev/null', 'O_WRONLY'],
  'both null': ['/dev/null', 'O_RDWR'],
  'read zero': ['/dev/zero', 'O_RDONLY'],
  'read urandom': ['/dev/urandom', 'O_RDONLY'],
  'read kmsg': ['/dev/kmsg', 'O_RDONLY'],
} as const satisfies Record<string, readonly [string, OpenFlag]>

/** Does all of `DEVICE_DEEDS` in a process. */
export async function deedsOf(agent: Agent): Promise<Record<string, string>> {
  const done: Record<string, string> = {}
  for (const [deed, [path, flag]] of Object.entries(DEVICE_DEEDS)) {
    done[deed] = await outcome(async () => agent.sys.close(await agent.sys.openat('AT_FDCWD', path, [flag])))
  }
  return done
}

/** `ok`, or the name of the kernel's error. */
export async function outcome(deed: () => Promise<unknown>): Promise<string> {
  try {
    await deed()
    return 'ok'
  } catch (error) {
    return (error as { errno?: string }).errno ?? String(error)
  }
}

/** Nothing but reading and writing null, reading zero, and making nodes for null. */
export const FEW_RULES: readonly DeviceRule[] = [
  { allow: false },
  { allow: true, type: 'c', major: 1, minor: 3 },
  { allow: true, type: 'c', major: 1, minor: 5, access: 'r' },
]

/** Other rules that have reading null and zero in common with the first. */
export const OTHER_RULES: readonly DeviceRule[] = [
  { allow: false },
  { allow: true, type: 'c', major: 1, access: 'r' },
  { allow: false, type: 'c', major: 1, minor: 11 },
]
