import type { Arch } from '../../linux/arch.ts'
import { AUDIT_ARCH } from '../../linux/tables/seccomp.ts'

/** Per architecture: libseccomp's name, the `AUDIT_ARCH_*` in `seccomp_data.arch`, and the bit that marks a second ABI's numbers. */
export const SECCOMP_ARCHES = {
  // x32 shares AUDIT_ARCH_X86_64 and differs only by __X32_SYSCALL_BIT: a filter that ignores the bit is bypassed (seccomp(2)).
  x64: { name: 'SCMP_ARCH_X86_64', audit: AUDIT_ARCH.values.AUDIT_ARCH_X86_64, foreignBit: 0x4000_0000 },
  arm64: { name: 'SCMP_ARCH_AARCH64', audit: AUDIT_ARCH.values.AUDIT_ARCH_AARCH64, foreignBit: 0 },
} as const satisfies Record<Arch, { name: string; audit: number; foreignBit: number }>

/** libseccomp's name of an architecture that a filter can be compiled for. */
export type SeccompArchName = (typeof SECCOMP_ARCHES)[Arch]['name']

/** What the kernel does with a matching call, by the names of libseccomp and of the OCI runtime specification. */
export type SeccompAction =
  | {
      readonly type:
        | 'SCMP_ACT_ALLOW'
        | 'SCMP_ACT_KILL_PROCESS'
        | 'SCMP_ACT_KILL_THREAD'
        | 'SCMP_ACT_TRAP'
        | 'SCMP_ACT_LOG'
        | 'SCMP_ACT_NOTIFY'
    }
  /** `errno` is 0 to 4095; 0 makes the call a success that did nothing */
  | { readonly type: 'SCMP_ACT_ERRNO'; readonly errno: number }
  /** `data` is the 16-bit message for the tracer */
  | { readonly type: 'SCMP_ACT_TRACE'; readonly data: number }

/** How an argument is compared, unsigned and over all 64 bits, by libseccomp's names. */
export type SeccompOperator =
  'SCMP_CMP_NE' | 'SCMP_CMP_LT' | 'SCMP_CMP_LE' | 'SCMP_CMP_EQ' | 'SCMP_CMP_GE' | 'SCMP_CMP_GT' | 'SCMP_CMP_MASKED_EQ'

/** One test of one argument: `argument op value`, or for `SCMP_CMP_MASKED_EQ` `(argument & value) == valueTwo`. */
export interface SeccompArgument {
  /** Which argument, 0 to 5 */
  readonly index: number
  readonly op: SeccompOperator
  /** Unsigned 64-bit operand; the mask for `SCMP_CMP_MASKED_EQ` */
  readonly value: number | bigint
  /** What the masked argument must equal, 0 unless said; meaningless for the other operators */
  readonly valueTwo?: number | bigint
}

/** A rule: calls of any of `names` whose arguments pass every test of `args` get `action`. */
export interface SeccompRule {
  readonly names: readonly string[]
  readonly action: SeccompAction
  readonly args?: readonly SeccompArgument[]
}

/** A policy for system calls. The first rule that matches a call decides it, in the order of the list. */
export interface SeccompProfile {
  /** For a call that the kernel's table knows and no rule matches */
  readonly defaultAction: SeccompAction
  /** For a number that the table does not know; `ENOSYS` lets a C library fall back to an older call */
  readonly unknownAction: SeccompAction
  /** Architectures that the profile is meant for; any other is refused by killing the process */
  readonly architectures: readonly SeccompArchName[]
  readonly rules: readonly SeccompRule[]
}

/** The action that lets a call through. */
export const ALLOW = { type: 'SCMP_ACT_ALLOW' } as const satisfies SeccompAction

/** The action that ends the whole process with SIGSYS. */
export const KILL_PROCESS = { type: 'SCMP_ACT_KILL_PROCESS' } as const satisfies SeccompAction

/** The action that makes a call fail with this errno (a number, 0 to 4095). */
export function failWith(errno: number): SeccompAction {
  return { type: 'SCMP_ACT_ERRNO', errno }
}

/**
 * Tests that `argument & mask` equals `value`. For an argument that the kernel reads as 32 bits the mask must stay below 2^32:
 * the kernel ignores the upper half of the register, and so must the filter (CVE-2019-10063).
 */
export function maskedEqual(index: number, mask: number, value: number): SeccompArgument {
  return { index, op: 'SCMP_CMP_MASKED_EQ', value: mask, valueTwo: value }
}

/** Tests that the low 32 bits of an argument equal `value`: the right test for `int`, `unsigned int` and ioctl commands. */
export function low32Equal(index: number, value: number): SeccompArgument {
  return maskedEqual(index, 0xffff_ffff, value)
}
