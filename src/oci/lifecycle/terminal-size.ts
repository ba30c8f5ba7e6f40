import type { Process } from '../../bundle/spec.ts'
import { attempt } from '../../kernel/call.ts'
import type { Kernel } from '../../kernel/kernel.ts'

/** ioctl_tty(2), the same on every architecture here */
const TIOCGWINSZ = 0x5413
const STDIN = 0

/**
 * A process whose terminal is relayed to that of the caller has its size from the start: what asks for it first thing would find 0 × 0
 * else, because the relay begins when the program runs already.
 */
export function withCallersSize(kernel: Kernel, process: Process): Process {
  if (!process.terminal || process.consoleSize) return process
  const size = new Uint16Array(4)
  if (attempt(kernel, 'ioctl', STDIN, TIOCGWINSZ, new Uint8Array(size.buffer)) < 0) return process
  const [height = 0, width = 0] = size
  return height === 0 || width === 0 ? process : { ...process, consoleSize: { height, width } }
}
