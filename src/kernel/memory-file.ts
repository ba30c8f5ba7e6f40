import { call } from './call.ts'
import { writeAll } from './descriptors.ts'
import type { Kernel } from './kernel.ts'

const MFD_CLOEXEC = 1
const SEEK_SET = 0

/** A file in memory with this content, read from its beginning: what a child reads or writes, with nobody waiting. @throws SyscallError */
export function memoryFile(kernel: Kernel, name: string, content: string): number {
  const fd = call(kernel, 'memfd_create', { args: `${JSON.stringify(name)}, MFD_CLOEXEC` }, name, MFD_CLOEXEC)
  if (content !== '') writeAll(kernel, fd, new TextEncoder().encode(content))
  rewind(kernel, fd)
  return fd
}

/** The first bytes of a file that was written meanwhile. @throws SyscallError */
export function readFrom(kernel: Kernel, fd: number, most: number): Uint8Array {
  rewind(kernel, fd)
  const bytes = new Uint8Array(most)
  return bytes.subarray(0, call(kernel, 'read', { args: String(fd) }, fd, bytes, most))
}

function rewind(kernel: Kernel, fd: number): void {
  call(kernel, 'lseek', { args: `${fd}, 0, SEEK_SET` }, fd, 0, SEEK_SET)
}
