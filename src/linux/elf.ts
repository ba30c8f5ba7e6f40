/** Offsets in a 64-bit ELF file, elf(5). */
const HEADER = { class: 4, order: 5, programs: 32, size: 54, count: 56, bytes: 64 } as const
const PT_INTERP = 3

/** Whether a file is a 64-bit ELF program that needs no dynamic linker: it runs in a root without libraries. */
export function isStaticProgram(file: Uint8Array): boolean {
  if (file.length < HEADER.bytes || file[0] !== 0x7f || String.fromCharCode(...file.subarray(1, 4)) !== 'ELF')
    return false
  if (file[HEADER.class] !== 2 || file[HEADER.order] !== 1) return false
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const [begin, size, count] = [
    Number(view.getBigUint64(HEADER.programs, true)),
    view.getUint16(HEADER.size, true),
    view.getUint16(HEADER.count, true),
  ]
  for (let index = 0; index < count; index++) {
    const at = begin + index * size
    if (at + 4 > file.length || view.getUint32(at, true) === PT_INTERP) return false
  }
  return true
}
