import type { EncodedOut, Param } from './call.ts'
import { signalName } from './signal.ts'

/** How a child changed, by si_code of SIGCHLD. */
const CHILD_CODES = [
  '',
  'CLD_EXITED',
  'CLD_KILLED',
  'CLD_DUMPED',
  'CLD_TRAPPED',
  'CLD_STOPPED',
  'CLD_CONTINUED',
] as const

/** Codes that say who sent a signal (sigaction(2)). */
const SENDERS: Readonly<Record<string, string>> = {
  0: 'SI_USER',
  128: 'SI_KERNEL',
  '-1': 'SI_QUEUE',
  '-2': 'SI_TIMER',
  '-3': 'SI_MESGQ',
  '-4': 'SI_ASYNCIO',
  '-5': 'SI_SIGIO',
  '-6': 'SI_TKILL',
  '-60': 'SI_ASYNCNL',
}

/** A decoded siginfo_t; which fields there are depends on the signal and its code (sigaction(2)). */
export interface Siginfo {
  /** Name of the signal; `signal 0` when waitid(2) with WNOHANG found nothing */
  readonly signal: string
  readonly signo: number
  readonly errno: number
  /** Why it was sent, by name: `SI_USER`, `CLD_EXITED`; the number as text when it has none */
  readonly code: string
  /** Sender, or the child */
  readonly pid?: number
  readonly uid?: number
  /** Exit code, or signal number, of a child */
  readonly status?: number
  /** Value that came with sigqueue(3) */
  readonly value?: bigint
  /** Faulting address of SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP */
  readonly address?: bigint
  /** System call and architecture that seccomp stopped (SIGSYS) */
  readonly syscall?: number
  readonly arch?: number
  /** Band event and descriptor of SIGIO */
  readonly band?: bigint
  readonly fd?: number
}

/** sizeof(siginfo_t), both architectures. */
export const SIGINFO_SIZE = 128

const SIGCHLD = 17
const SIGIO = 29
const SIGSYS = 31
const FAULTS: readonly number[] = [4, 5, 7, 8, 11]

/** Reads the kernel's siginfo_t at an offset. */
export function decodeSiginfo(bytes: Uint8Array, at = 0): Siginfo {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, SIGINFO_SIZE)
  const signo = view.getInt32(0, true)
  const code = view.getInt32(8, true)
  const head = { signal: signalName(signo), signo, errno: view.getInt32(4, true), code: codeName(signo, code) }
  return { ...head, ...detail(view, signo, code) }
}

function codeName(signo: number, code: number): string {
  if (signo === SIGCHLD && code > 0 && code < CHILD_CODES.length) return CHILD_CODES[code]!
  return SENDERS[code] ?? String(code)
}

function detail(view: DataView, signo: number, code: number): Partial<Siginfo> {
  const pid = view.getInt32(16, true)
  const uid = view.getUint32(20, true)
  if (code === -1) return { pid, uid, value: view.getBigInt64(24, true) }
  if (code <= 0) return { pid, uid }
  if (code === 128) return {}
  if (signo === SIGCHLD) return { pid, uid, status: view.getInt32(24, true) }
  if (FAULTS.includes(signo)) return { address: view.getBigUint64(16, true) }
  if (signo === SIGIO) return { band: view.getBigInt64(16, true), fd: view.getInt32(24, true) }
  if (signo === SIGSYS) {
    return { address: view.getBigUint64(16, true), syscall: view.getInt32(24, true), arch: view.getUint32(28, true) }
  }
  return {}
}

/** Room for a siginfo_t: one word. */
export const outSiginfo = (name = 'infop'): Param => ({
  name,
  type: 'Siginfo',
  implied: true,
  encode(_value, to): EncodedOut {
    const at = to.reserve(SIGINFO_SIZE)
    to.push({ kind: 'reply', value: at })
    return { at, decode: ({ reply }) => decodeSiginfo(reply, at) }
  },
  print: () => '…',
})
