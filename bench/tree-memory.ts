import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Bytes of a process and of all below it: what its containers' groups count, and of processes that are in none of those their proportional
 * set sizes (proc_pid_smaps(5)).
 */
export function treeMemory(pid: number): number {
  const own = memoryGroup(pid)
  const groups = new Set<string>()
  let bytes = 0
  for (const each of [pid, ...below(pid)]) {
    const group = memoryGroup(each)
    if (group === own || group === undefined) bytes += proportional(each)
    else groups.add(group)
  }
  for (const group of groups) bytes += charged(group)
  return bytes
}

function below(root: number): readonly number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), Number(/^PPid:\t(\d+)$/m.exec(read(`/proc/${name}/status`))?.[1])] as const)
  const found: number[] = []
  const visit = (parent: number): void => {
    for (const [child, of] of parents) {
      if (of !== parent) continue
      found.push(child)
      visit(child)
    }
  }
  visit(root)
  return found
}

/** Path of its memory group: of v1 where the host has the controller there, else of v2; undefined when it is gone. */
function memoryGroup(pid: number): string | undefined {
  const lines = read(`/proc/${pid}/cgroup`)
    .split('\n')
    .map((line) => line.split(':'))
  const old = lines.find(([, names = '']) => names.split(',').includes('memory'))
  const path = (old ?? lines.find(([number]) => number === '0'))?.[2]
  return path === undefined ? undefined : join(old ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup', path)
}

const charged = (group: string): number =>
  Number(read(join(group, 'memory.usage_in_bytes')) || read(join(group, 'memory.current')) || Number.NaN)

const proportional = (pid: number): number =>
  Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024

/** Processes come and go while they are looked at. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
