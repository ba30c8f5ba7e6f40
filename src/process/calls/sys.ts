import { AgentError } from '../../base/errors.ts'
import { type CallOptions, isCallOptions, LIMIT_OPTIONS } from '../../linux/call-options.ts'
import { allCalls } from '../../linux/calls/index.ts'
import { FOREIGN, type ForeignCalls, type ForeignName, foreignError } from '../../linux/foreign.ts'
import type { SysCalls } from '../../linux/generated/signatures.ts'
import type { SyscallName } from '../../linux/syscalls.ts'
import { program, type Program, type ProgramBuilder } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'
import { checkOptions } from '../check-options.ts'

type Run = (program: Program, options?: CallOptions) => Promise<ProgramResult>

/** Whether the other side has closed the connection without a complaint. */
type IsOver = () => boolean

/**
 * Every typed system call as a method, executed in one process, and `syscall(name, …)` for those without a signature. Calls that only
 * other systems have are refused by name.
 */
export interface Sys extends SysCalls, ForeignCalls {
  /**
   * Any call of the kernel's table; an argument is a number, text, bytes, `memory()` or null. Undefined when the process has ended
   * with it (execve, exit_group).
   * @throws SyscallError
   */
  syscall(name: SyscallName, ...args: readonly unknown[]): Promise<number | bigint>
}

/** Kernel names of the calls after which nobody answers. */
const ENDS = new Set(['exit', ...Object.values(allCalls()).flatMap((call) => (call.ends ? [call.name] : []))])

class SystemCalls {
  readonly run: Run
  readonly isOver: IsOver

  constructor(run: Run, isOver: IsOver) {
    this.run = run
    this.isOver = isOver
  }

  async call(add: (p: ProgramBuilder) => void, options?: CallOptions): Promise<unknown> {
    const p = program()
    add(p)
    const result = await this.run(p, options)
    const step = p.step(0)
    const [out] = step?.outs ?? []
    if (step?.kind === 'void') return undefined
    if (step?.kind === 'fd' && out?.loads) return result.loads(out.loads)
    return result.value(0)
  }

  /** A call whose success is that nobody is left to answer: the end of the connection. */
  async end(add: (p: ProgramBuilder) => void, options?: CallOptions): Promise<unknown> {
    try {
      return await this.call(add, options)
    } catch (error) {
      if (error instanceof AgentError && this.isOver()) return undefined
      throw error
    }
  }

  syscall(name: SyscallName, ...args: readonly unknown[]): Promise<unknown> {
    const options = isCallOptions(args.at(-1)) ? (args.at(-1) as CallOptions) : undefined
    const add = (p: ProgramBuilder) => p.syscall(name, ...(options ? args.slice(0, -1) : args))
    return ENDS.has(name) ? this.end(add, options) : this.call(add, options)
  }
}

/**
 * Takes the options off the arguments: the last one by its names, or what stands behind the call's own parameters.
 * @throws InvalidInputError for an unknown name there
 */
function takeOptions(name: string, most: number, args: unknown[]): CallOptions | undefined {
  if (isCallOptions(args.at(-1))) return args.pop() as CallOptions
  if (args.length !== most + 1) return undefined
  const last = args.at(-1)
  if (last !== undefined && (typeof last !== 'object' || last === null || ArrayBuffer.isView(last))) return undefined
  args.pop()
  if (last !== undefined) checkOptions(last, LIMIT_OPTIONS, `${name}()`)
  return last
}

for (const [name, call] of Object.entries(allCalls())) {
  const most = call.params.filter((param) => !param.implied).length
  Object.defineProperty(SystemCalls.prototype, name, {
    async value(this: SystemCalls, ...args: unknown[]) {
      const options = takeOptions(name, most, args)
      const add = (p: ProgramBuilder) => p.add(call, args)
      return call.ends ? this.end(add, options) : this.call(add, options)
    },
  })
}

for (const name of Object.keys(FOREIGN) as ForeignName[]) {
  Object.defineProperty(SystemCalls.prototype, name, { value: () => Promise.reject(foreignError(name)) })
}

/**
 * The system calls of whatever runs programs.
 * @param isOver by which `exit` and `execve` know their success from the death of the process; without it they reject
 */
export const sysOf = (run: Run, isOver: IsOver = () => false): Sys => new SystemCalls(run, isOver) as unknown as Sys
