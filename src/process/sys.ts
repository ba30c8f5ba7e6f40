import type { CallOptions } from '../linux/call-options.ts'
import { CALLS } from '../linux/calls/index.ts'
import type { SysCalls } from '../linux/generated/signatures.ts'
import type { SyscallName } from '../linux/syscalls.ts'
import { program, type Program, type ProgramBuilder } from '../program/builder.ts'
import type { ProgramResult } from '../program/result.ts'

type Run = (program: Program, options?: CallOptions) => Promise<ProgramResult>

/** Every typed system call as a method, executed in one process, and `syscall(name, …)` for those without a signature. */
export interface Sys extends SysCalls {
  /** @throws SyscallError */
  syscall(name: SyscallName, ...args: readonly unknown[]): Promise<number | bigint>
}

const OPTION_NAMES = new Set(['timeoutMs', 'signal'])

/** Whether a last argument is `{ timeoutMs, signal }` and not an argument of the call. */
function isOptions(value: unknown): value is CallOptions {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false
  const keys = Object.keys(value)
  return keys.length > 0 && keys.every((key) => OPTION_NAMES.has(key))
}

class SystemCalls {
  readonly run: Run

  constructor(run: Run) {
    this.run = run
  }

  async call(add: (p: ProgramBuilder) => void, options?: CallOptions): Promise<unknown> {
    const p = program()
    add(p)
    const result = await this.run(p, options)
    const [step] = p.steps
    const [out] = step?.outs ?? []
    if (step?.kind === 'void') return undefined
    if (step?.kind === 'fd' && out?.loads) return result.loads(out.loads)
    return result.value(0)
  }

  syscall(name: SyscallName, ...args: readonly unknown[]): Promise<unknown> {
    const options = isOptions(args.at(-1)) ? (args.at(-1) as CallOptions) : undefined
    return this.call((p) => p.syscall(name, ...(options ? args.slice(0, -1) : args)), options)
  }
}

for (const [name, call] of Object.entries(CALLS)) {
  Object.defineProperty(SystemCalls.prototype, name, {
    async value(this: SystemCalls, ...args: unknown[]) {
      const options = isOptions(args.at(-1)) ? (args.pop() as CallOptions) : undefined
      return this.call((p) => p.add(call, args), options)
    },
  })
}

/** The system calls of whatever runs programs. */
export const sysOf = (run: Run): Sys => new SystemCalls(run) as unknown as Sys
