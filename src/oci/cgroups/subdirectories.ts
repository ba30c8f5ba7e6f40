import { call } from '../../kernel/call.ts'
import { textOf } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'

/** struct linux_dirent64 of getdents64(2). */
const RECORD = { length: 16, type: 18, name: 19 } as const
const DT_DIR = 4

/** Names of the directories in an open directory; a group is full of files that are none. @throws SyscallError */
export function subdirectories(kernel: Kernel, fd: number): string[] {
  const bytes = new Uint8Array(16 * 1024)
  const view = new DataView(bytes.buffer)
  const names: string[] = []
  for (;;) {
    const size = call(kernel, 'getdents64', { args: String(fd) }, fd, bytes, bytes.length)
    if (size === 0) return names
    for (let at = 0; at < size; at += view.getUint16(at + RECORD.length, true)) {
      if (bytes[at + RECORD.type] !== DT_DIR) continue
      const name = textOf(bytes.subarray(at + RECORD.name, bytes.indexOf(0, at + RECORD.name)))
      if (name !== '.' && name !== '..') names.push(name)
    }
  }
}
