import type { Arch } from './arch.ts'
import { SYSCALLS_ARM64 } from './tables/syscalls-arm64.ts'
import { SYSCALLS_X64 } from './tables/syscalls-x64.ts'

/** A system call of any supported architecture, by its kernel name. */
export type SyscallName = keyof typeof SYSCALLS_X64 | keyof typeof SYSCALLS_ARM64

/** System call numbers by architecture. */
export const SYSCALLS: Readonly<Record<Arch, Readonly<Record<string, number>>>> = {
  x64: SYSCALLS_X64,
  arm64: SYSCALLS_ARM64,
}

/** The number of a system call, or undefined where the architecture has none of that name. */
export function syscallNumber(arch: Arch, name: string): number | undefined {
  const table = SYSCALLS[arch]
  return Object.hasOwn(table, name) ? table[name] : undefined
}

const names = new Map<Arch, Map<number, string>>()

/** The name of a system call number, or undefined. */
export function syscallName(arch: Arch, number: number): string | undefined {
  let known = names.get(arch)
  if (!known) {
    known = new Map(Object.entries(SYSCALLS[arch]).map(([name, n]) => [n, name]))
    names.set(arch, known)
  }
  return known.get(number)
}
