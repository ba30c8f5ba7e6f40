import { attempt, call } from '../../kernel/call.ts'
import { close, writeAll } from '../../kernel/descriptors.ts'
import { listDirectory } from '../../kernel/directories.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { readProcFile } from '../../kernel/process.ts'
import { type Arch, machineArch } from '../../linux/arch.ts'

/** Those that end a process, and that somebody sends on purpose: HUP, INT, QUIT, USR1, USR2, TERM */
const HELD = [1, 2, 3, 10, 12, 15]
const MASK = HELD.reduce((mask, signal) => mask | (1 << (signal - 1)), 0)
/** The last one: nobody sends it */
const KICK = 64
const SIG_IGN = 1n
const SIG_BLOCK = 0
/** Without it arm64 hands no ucontext_t to a handler */
const SA_SIGINFO = 4n
const SA_RESTART = 0x1000_0000n
/** x86-64 wants the return from a handler told; arm64 has one of its own (sigreturn(2)) */
const SA_RESTORER = 0x0400_0000n

/**
 * Handler of a signal, void (int, siginfo_t *, ucontext_t *): adds `MASK` to the signals that are blocked when it has returned. No function
 * of a C library does that, so it is machine code; what follows it is the restorer.
 */
const HANDLER: Readonly<Record<Arch, { readonly code: readonly number[]; readonly restorer?: number }>> = {
  x64: {
    // or qword [rdx + 296], MASK; ret; mov eax, 15; syscall
    code: [0x48, 0x81, 0x8a, 0x28, 1, 0, 0, ...word(MASK), 0xc3, 0xb8, 15, 0, 0, 0, 0x0f, 0x05],
    restorer: 12,
  },
  arm64: {
    // ldr x3, [x2, #40]; movz w4, MASK; orr x3, x3, x4; str x3, [x2, #40]; ret
    code: [0xf940_1443, 0x5280_0004 | (MASK << 5), 0xaa04_0063, 0xf900_1443, 0xd65f_03c0].flatMap(word),
  },
}

function word(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24]
}

/**
 * Between the start of a process and `follow` nobody passes signals on. One that comes then waits, over the execution of the agent that
 * follows too: it is blocked in every thread of this process, as an engine of JavaScript has some of its own, which would take it.
 * Where the kernel gives no memory for code it has no effect instead.
 */
export function holdOut(kernel: Kernel): void {
  // First here: threads that this one makes from now on inherit it.
  const mask = new BigUint64Array([BigInt(MASK)])
  call(kernel, 'rt_sigprocmask', { args: 'SIG_BLOCK' }, SIG_BLOCK, new Uint8Array(mask.buffer), null, 8)
  // As in the standalone executable
  const isAlone = threadsOf(kernel).length === 1
  if (!isAlone && !blockInOthers(kernel)) ignore(kernel)
}

const threadsOf = (kernel: Kernel): readonly string[] => listDirectory(kernel, '/proc/self/task') ?? []

/** Ignored, it neither ends this process nor reaches the other one. */
function ignore(kernel: Kernel): void {
  for (const signal of HELD) setAction(kernel, signal, [SIG_IGN, 0n, 0n, 0n])
}

function setAction(kernel: Kernel, signal: number, action: readonly bigint[]): void {
  const bytes = new Uint8Array(new BigUint64Array(action).buffer)
  call(kernel, 'rt_sigaction', { args: String(signal) }, signal, bytes, null, 8)
}

/** A thread that works is interrupted at once, one that waits is woken: a matter of microseconds, unless the machine is busy. */
const LOOKS = 10_000

/** False when it cannot be done. */
function blockInOthers(kernel: Kernel): boolean {
  const { code, restorer } = HANDLER[machineArch()]
  const at = executable(kernel, new Uint8Array(code))
  if (at === undefined) return false
  const flags = SA_SIGINFO | SA_RESTART | (restorer === undefined ? 0n : SA_RESTORER)
  setAction(kernel, KICK, [at, flags, restorer === undefined ? 0n : at + BigInt(restorer), 0n])
  const self = attempt(kernel, 'getpid')
  const kicked = new Set<string>()
  for (let look = 0; look < LOOKS; look++) {
    // Looked for again each time: one of those that are left may have made another one.
    const left = threadsOf(kernel).filter((thread) => !hasBlocked(kernel, thread))
    if (left.length === 0) return true
    for (const thread of left) {
      if (!kicked.has(thread)) attempt(kernel, 'tgkill', self, Number(thread), KICK)
      kicked.add(thread)
    }
    attempt(kernel, 'sched_yield')
  }
  return false
}

/** One that has ended takes none either. */
function hasBlocked(kernel: Kernel, thread: string): boolean {
  const status = readProcFile(kernel, `/proc/self/task/${thread}/status`)
  const blocked = /^SigBlk:\s*([0-9a-f]+)$/m.exec(status ?? '')?.[1]
  return blocked === undefined || Number(BigInt(`0x${blocked}`) & BigInt(MASK)) === MASK
}

const MFD_CLOEXEC = 1
/** Linux 6.3; where it is unknown the file is executable anyway */
const MFD_EXEC = 0x10
const PROT_READ_EXEC = 5
const MAP_PRIVATE = 2

/** Address of memory that holds this code, undefined where there is none to be had (memfd_noexec, SELinux). */
function executable(kernel: Kernel, code: Uint8Array): bigint | undefined {
  let fd = attempt(kernel, 'memfd_create', 'hold', MFD_CLOEXEC | MFD_EXEC)
  if (fd < 0) fd = attempt(kernel, 'memfd_create', 'hold', MFD_CLOEXEC)
  if (fd < 0) return undefined
  try {
    writeAll(kernel, fd, code)
    const at = attempt(kernel, 'mmap', 0, code.length, PROT_READ_EXEC, MAP_PRIVATE, fd, 0)
    return at < 0 ? undefined : BigInt(at)
  } finally {
    close(kernel, fd)
  }
}
