import type { Arch } from '../../linux/arch.ts'
import type { SeccompFlag } from '../../linux/tables/seccomp.ts'
import type { Seccomp } from '../spec.ts'

/** Which further tables of calls the filter covers beside the machine's own. */
interface Architectures {
  readonly x86: boolean
  readonly x32: boolean
  readonly warnings: readonly string[]
}

/** Other machines' architectures say nothing about this one. */
export function architecturesOf({ architectures = [] }: Seccomp, arch: Arch): Architectures {
  const x64 = arch === 'x64'
  const arm = arch === 'arm64' && architectures.includes('SCMP_ARCH_ARM')
  return {
    x86: x64 && architectures.includes('SCMP_ARCH_X86'),
    x32: x64 && architectures.includes('SCMP_ARCH_X32'),
    warnings: arm
      ? ['/linux/seccomp/architectures has SCMP_ARCH_ARM: 32-bit programs are killed here, not filtered']
      : [],
  }
}

/** Flags for seccomp(2). */
export function filterFlags({ flags = [] }: Seccomp, notify: boolean): readonly SeccompFlag[] {
  const asked = flags as readonly SeccompFlag[]
  if (!notify) return asked
  // Both answer in the result of the call: with a listener a thread that cannot be brought along is an error (Linux 5.7).
  const together: readonly SeccompFlag[] = asked.includes('SECCOMP_FILTER_FLAG_TSYNC')
    ? ['SECCOMP_FILTER_FLAG_TSYNC_ESRCH']
    : []
  return [...asked, 'SECCOMP_FILTER_FLAG_NEW_LISTENER', ...together]
}
