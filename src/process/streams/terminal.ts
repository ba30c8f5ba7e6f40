import { InvalidInputError } from '../../base/errors.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import { describeValue } from '../../linux/show-value.ts'
import { flagsValue } from '../../linux/flags.ts'
import { OPEN } from '../../linux/tables/open.ts'
import { type Program, program } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'
import { native } from '../../kernel/native.ts'

/** Size of a terminal in characters. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

export interface TerminalOptions extends CallOptions {
  /** Default 80 x 24 */
  readonly size?: TerminalSize
  /** Who the terminal belongs to; default: the process that opens it */
  readonly owner?: { readonly uid: number; readonly gid: number }
}

/** What struct winsize of ioctl_tty(2) holds. @throws InvalidInputError */
export function assertSize(size: TerminalSize): void {
  for (const name of ['columns', 'rows'] as const) {
    const value: unknown = size?.[name]
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 0xffff) continue
    throw new InvalidInputError(`${name} is an integer from 1 to 65535, not ${describeValue(value)}`, { field: name })
  }
}

interface RunsPrograms {
  run(p: Program, options?: CallOptions): Promise<ProgramResult>
}

/**
 * Opens a terminal in a process's own devpts; the master comes here, the slave stays there under the number returned. The slave is
 * opened through the master (TIOCGPTPEER, Linux 4.13): a path under /dev/pts could have been replaced meanwhile (CVE-2025-52565).
 */
export async function openTerminal(
  agent: RunsPrograms,
  options: TerminalOptions = {},
): Promise<{ master: number; slave: number }> {
  const { size = { columns: 80, rows: 24 }, owner } = options
  assertSize(size)
  const p = program()
  p.because('terminal', 'A terminal of the process’s own devpts; the host’s is never handed in')
  const master = p.openat('AT_FDCWD', '/dev/ptmx', TERMINAL)
  p.ioctl(master, 'TIOCSPTLCK', new Uint8Array(4))
  const slave = p.ioctlOpen(master, 'TIOCGPTPEER', flagsValue(OPEN, TERMINAL, p.arch, 'slave'))
  if (owner) p.fchown(slave, owner.uid, owner.gid)
  p.send(master)
  const result = await agent.run(p, options)
  const [descriptor] = result.descriptors as [number]
  native().winsize(descriptor, size.rows, size.columns)
  return { master: descriptor, slave: result.get(slave) }
}

const TERMINAL = ['O_RDWR', 'O_NOCTTY', 'O_CLOEXEC'] as const
