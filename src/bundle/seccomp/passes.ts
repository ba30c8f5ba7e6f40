import { simulate } from '../../features/seccomp/simulate.ts'
import type { Arch } from '../../linux/arch.ts'
import { decodeBpf } from '../../linux/bpf-instructions.ts'
import { SYSCALLS } from '../../linux/syscalls.ts'
import { SECCOMP_ACTIONS } from '../../linux/tables/seccomp.ts'
import { NATIVE } from './oci-seccomp.ts'

/** A call as a filter sees it: its name, then its arguments as far as it matters what they are. */
export type AskedCall = readonly [name: string, ...args: number[]]

/** What a filter says to calls of its own architecture: an `SECCOMP_RET_*` value with its data, as the kernel's interpreter gets it. */
export function filterAnswers(filter: Uint8Array, arch: Arch): (call: AskedCall) => number {
  const program = decodeBpf(filter)
  return ([name, ...args]) => {
    const nr = SYSCALLS[arch][name]
    if (nr === undefined) throw new RangeError(`${name} is no call of ${arch}`)
    return simulate(program, { arch: NATIVE[arch], nr, args: args.map(BigInt) }).value >>> 0
  }
}

/** Whether the kernel carries out a call that a filter answered so. */
export const isLetThrough = (answer: number): boolean =>
  answer === SECCOMP_ACTIONS.values.SECCOMP_RET_ALLOW >>> 0 || answer === SECCOMP_ACTIONS.values.SECCOMP_RET_LOG >>> 0

/** Whether a filter answers with this error and nothing else happens. */
export const isRefused = (answer: number, errno: number): boolean =>
  answer === (SECCOMP_ACTIONS.values.SECCOMP_RET_ERRNO | errno) >>> 0
