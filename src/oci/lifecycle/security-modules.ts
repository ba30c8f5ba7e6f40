import { readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'

/** Security modules that are active, by the kernel's names: `apparmor`, `selinux`. */
export const securityModules = (kernel: Kernel): readonly string[] =>
  (readText(kernel, '/sys/kernel/security/lsm') ?? '').trim().split(',').filter(Boolean)
