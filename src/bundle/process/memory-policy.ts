import type { Program } from '../../program/builder.ts'
import { parseCpuList } from '../../features/cgroups/cpu-list.ts'
import type { MemoryPolicy } from '../spec.ts'

/** Modes of linux/mempolicy.h. */
const MODES: Readonly<Record<string, number>> = {
  MPOL_DEFAULT: 0,
  MPOL_PREFERRED: 1,
  MPOL_BIND: 2,
  MPOL_INTERLEAVE: 3,
  MPOL_LOCAL: 4,
  MPOL_PREFERRED_MANY: 5, // Linux 5.15
  MPOL_WEIGHTED_INTERLEAVE: 6, // Linux 6.9
}

const FLAGS: Readonly<Record<string, number>> = {
  MPOL_F_NUMA_BALANCING: 0x2000, // Linux 5.12
  MPOL_F_RELATIVE_NODES: 0x4000,
  MPOL_F_STATIC_NODES: 0x8000,
}

/** Which NUMA nodes memory comes from; children inherit it, and an exec keeps it (set_mempolicy(2)). */
export function memoryPolicySteps(p: Program, { mode, nodes = '', flags = [] }: MemoryPolicy): void {
  const value = flags.reduce((bits, flag) => bits | (FLAGS[flag] ?? 0), MODES[mode] ?? 0)
  const list = [...(parseCpuList(nodes.replaceAll(' ', '')) ?? [])]
  p.because('process', 'NUMA nodes that its memory comes from (set_mempolicy(2))')
  if (list.length === 0) p.syscall('set_mempolicy', value, null, 0)
  else p.syscall('set_mempolicy', value, ...nodeMask(list))
}

/** A mask of whole 64-bit words, and its length in bits as the kernel counts it: one more than there are. */
function nodeMask(nodes: readonly number[]): [Uint8Array, number] {
  const words = Math.floor(Math.max(...nodes) / 64) + 1
  const mask = new Uint8Array(words * 8)
  for (const node of nodes) mask[node >> 3] = (mask[node >> 3] ?? 0) | (1 << (node & 7))
  return [mask, words * 64 + 1]
}
