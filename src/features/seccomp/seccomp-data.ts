import { SECCOMP_DATA as LAYOUT } from '../../linux/structs/process.ts'

/** What the kernel shows a filter about a call: `struct seccomp_data` of <linux/seccomp.h>, 64 bytes. */
export interface SeccompData {
  /** System call number as unsigned 32 bits */
  readonly nr: number
  /** `AUDIT_ARCH_*` of the entry that was used */
  readonly arch: number
  readonly instructionPointer?: bigint
  /** Up to six arguments, unsigned 64-bit; absent ones are 0 */
  readonly args?: readonly bigint[]
}

/** Byte offsets in `struct seccomp_data`. */
export const SECCOMP_DATA = {
  nr: LAYOUT.offset('nr'),
  arch: LAYOUT.offset('arch'),
  instructionPointer: LAYOUT.offset('instruction_pointer'),
  args: LAYOUT.offset('args'),
  size: LAYOUT.size(),
} as const

/** Byte offset of the low half of an argument; the kernel offers a filter 32-bit loads only, and both architectures are little-endian. */
export function argumentLow(index: number): number {
  return SECCOMP_DATA.args + 8 * index
}

/** Byte offset of the high half of an argument. */
export function argumentHigh(index: number): number {
  return argumentLow(index) + 4
}

/** Encodes a call as the kernel would lay it out. */
export function encodeSeccompData(data: SeccompData): Uint8Array {
  const bytes = new Uint8Array(SECCOMP_DATA.size)
  const view = new DataView(bytes.buffer)
  view.setUint32(SECCOMP_DATA.nr, data.nr, true)
  view.setUint32(SECCOMP_DATA.arch, data.arch, true)
  view.setBigUint64(SECCOMP_DATA.instructionPointer, data.instructionPointer ?? 0n, true)
  data.args?.slice(0, 6).forEach((arg, i) => view.setBigUint64(argumentLow(i), arg, true))
  return bytes
}
