import { writeAll } from '../kernel/descriptors.ts'
import type { Kernel } from '../kernel/kernel.ts'

const STDOUT = 1

/** Writes text to stdout as it is. @throws SyscallError */
export const print = (kernel: Kernel, text: string): void =>
  writeAll(kernel, STDOUT, new TextEncoder().encode(text), 'stdout')
