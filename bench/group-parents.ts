import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

interface Hierarchy {
  readonly mountPoint: string
  readonly root: string
  readonly options: string
  readonly isUnified: boolean
}

/** Directories in which a sandbox's groups were made, as the kernel tells (cgroups(7), /proc/PID/cgroup). */
export function groupParents(pid: number, name: string): readonly string[] {
  const hierarchies = readHierarchies()
  return readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
      if (basename(path) !== name) return []
      const at = hierarchies.find(({ isUnified, options }) =>
        controllers ? options.split(',').includes(controllers.split(',')[0] ?? '') : isUnified,
      )
      return at ? [join(at.mountPoint, dirname(path).slice(at.root === '/' ? 0 : at.root.length))] : []
    })
}

function readHierarchies(): Hierarchy[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [before = '', after = ''] = line.split(' - ')
      const [, , , root = '', mountPoint = ''] = before.split(' ')
      const [type = '', , options = ''] = after.split(' ')
      return type.startsWith('cgroup') ? [{ mountPoint, root, options, isUnified: type === 'cgroup2' }] : []
    })
}

/** Where a hybrid host has its v2 tree beside v1 ones, which crun refuses; undefined elsewhere. */
export function unifiedBesideV1(): string | undefined {
  const all = readHierarchies()
  return all.some(({ isUnified }) => !isUnified) ? all.find(({ isUnified }) => isUnified)?.mountPoint : undefined
}
