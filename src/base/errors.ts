import type { Code } from './codes.ts'

/** What all errors of this package share: a stable `code`, and failures of the clean-up that followed, if any. */
export abstract class CarrelError extends Error {
  abstract readonly code: Code
  /** Failures of the clean-up that ran because of this error; they never replace it. */
  readonly cleanup: unknown[] = []

  toJSON(): Record<string, unknown> {
    const fields = Object.fromEntries(Object.entries(this).filter(([key]) => key !== 'cleanup'))
    const cleanup = this.cleanup.map(String)
    return {
      name: this.name,
      code: this.code,
      message: this.message,
      ...fields,
      ...(cleanup.length ? { cleanup } : {}),
    }
  }
}

/** The caller passed something that cannot be meant; `field` names it (a dotted path or a JSON pointer). */
export class InvalidInputError extends CarrelError {
  override readonly name = 'InvalidInputError'
  readonly code = 'E_INPUT'
  readonly field: string

  constructor(message: string, detail: { field: string; cause?: unknown }) {
    super(message, 'cause' in detail ? { cause: detail.cause } : undefined)
    this.field = detail.field
  }
}

/** This host lacks something; `fact` names it and `remedy` says how to get it. */
export class UnsupportedError extends CarrelError {
  override readonly name = 'UnsupportedError'
  readonly code = 'E_UNSUPPORTED'
  readonly fact: string
  readonly remedy: string

  constructor(message: string, detail: { fact: string; remedy: string; cause?: unknown }) {
    super(`${message}: ${detail.remedy}`, 'cause' in detail ? { cause: detail.cause } : undefined)
    this.fact = detail.fact
    this.remedy = detail.remedy
  }
}

/** The object is not in a state in which this can be done (a spent agent, a closed sandbox). */
export class StateError extends CarrelError {
  override readonly name = 'StateError'
  readonly code = 'E_STATE'
  readonly state: string
  readonly wanted: string

  constructor(message: string, detail: { state: string; wanted: string }) {
    super(message)
    this.state = detail.state
    this.wanted = detail.wanted
  }
}

/** What is known about a failed system call. */
export interface SyscallFailure {
  /** Name of the system call */
  readonly call: string
  /** Arguments as `strace` prints them */
  readonly args: string
  /** Kernel name of the error, `EPERM` */
  readonly errno: string
  /** Index of the step in its program */
  readonly step: number
  /** Number of steps in the program */
  readonly steps: number
  /** Feature that the step belongs to, if it has one */
  readonly feature?: string
  /** Why the step exists, if that was said */
  readonly because?: string
}

/** The kernel said no. */
export class SyscallError extends CarrelError implements SyscallFailure {
  override readonly name = 'SyscallError'
  readonly code = 'E_SYSCALL'
  readonly call: string
  readonly args: string
  readonly errno: string
  readonly step: number
  readonly steps: number
  readonly feature?: string
  readonly because?: string

  constructor(failure: SyscallFailure) {
    super(describeFailure(failure))
    this.call = failure.call
    this.args = failure.args
    this.errno = failure.errno
    this.step = failure.step
    this.steps = failure.steps
    if (failure.feature !== undefined) this.feature = failure.feature
    if (failure.because !== undefined) this.because = failure.because
  }
}

function describeFailure(f: SyscallFailure): string {
  const where = f.steps > 1 ? ` (step ${f.step} of ${f.steps}${f.feature ? `, ${f.feature}` : ''})` : ''
  return `${f.call}(${f.args}): ${f.errno}${where}${f.because ? `: ${f.because}` : ''}`
}

/** The agent is gone, broke the protocol, or refused a frame. */
export class AgentError extends CarrelError {
  override readonly name = 'AgentError'
  readonly code = 'E_AGENT'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
  }
}

/** A wait took longer than its `timeoutMs`; what was asked may still happen, its answer is dropped. */
export class TimeoutError extends CarrelError {
  override readonly name = 'TimeoutError'
  readonly code = 'E_TIMEOUT'
  readonly timeoutMs: number
  /** Whether what was asked has been done */
  readonly outcome = 'unknown'

  /** @param what as in "The agent did not answer" */
  constructor(what: string, timeoutMs: number) {
    super(`${what} within ${timeoutMs} ms: the outcome is unknown`)
    this.timeoutMs = timeoutMs
  }
}
