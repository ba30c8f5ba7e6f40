import { readFileSync } from 'node:fs'
import { decodeMountinfo } from '../../src/linux/mountinfo.ts'

/** Where a hierarchy is mounted here: that of a v1 controller by its name, or `v2`; undefined when it is not. */
export function hierarchyOf(name: string): string | undefined {
  const mounts = decodeMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'))
  const found = mounts.find(({ type, superOptions }) =>
    name === 'v2' ? type === 'cgroup2' : type === 'cgroup' && superOptions.includes(name),
  )
  return found?.mountPoint
}
