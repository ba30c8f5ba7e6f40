import type { CallOptions } from '../linux/call-options.ts'
import { type Program, program } from '../program/builder.ts'
import type { ProgramResult } from '../program/result.ts'
import type { Fd, Ref } from '../linux/ref.ts'
import { native } from './native.ts'

/** Size of a terminal in characters. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

interface RunsPrograms {
  run(p: Program, options?: CallOptions): Promise<ProgramResult>
}

/**
 * Adds the opening of a new terminal in the process's own devpts. The slave is opened through the master (TIOCGPTPEER, Linux 4.13):
 * a path under /dev/pts could have been replaced meanwhile (CVE-2025-52565).
 */
export function terminalSteps(p: Program): { readonly master: Ref<Fd>; readonly slave: Ref<Fd> } {
  p.because('terminal', 'A terminal of the program’s own devpts; the host’s is never handed in')
  const master = p.openat('AT_FDCWD', '/dev/ptmx', ['O_RDWR', 'O_NOCTTY', 'O_CLOEXEC'])
  p.ioctl(master, TIOCSPTLCK, new Uint8Array(4))
  const slave = p.syscall('ioctl', master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC) as Ref<Fd>
  return { master, slave }
}

/** Opens a terminal in a process; the master comes here, the slave stays there under the number returned. */
export async function openTerminal(
  agent: RunsPrograms,
  size: TerminalSize = { columns: 80, rows: 24 },
  options?: CallOptions,
): Promise<{ master: number; slave: number }> {
  const p = program()
  const { master, slave } = terminalSteps(p)
  p.send(master)
  const result = await agent.run(p, options)
  const [descriptor] = result.descriptors as [number]
  native().winsize(descriptor, size.rows, size.columns)
  return { master: descriptor, slave: result.get(slave) }
}

/** _IOW('T', 0x31, int) of asm-generic/ioctls.h: 0 unlocks */
const TIOCSPTLCK = 0x40045431
/** _IO('T', 0x41) of asm-generic/ioctls.h; its argument is open flags, the same on x86-64 and arm64 for these three */
const TIOCGPTPEER = 0x5441
const O_RDWR = 0o2
const O_NOCTTY = 0o400
const O_CLOEXEC = 0o2000000
