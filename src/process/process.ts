import { closeSync, readFileSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { InvalidInputError, StateError, SyscallError } from '../base/errors.ts'
import { errnoName } from '../linux/errno.ts'
import { signalNumber } from '../linux/signal.ts'
import type { Exit } from './exit.ts'
import { native } from './native.ts'

/** A process of the tree, seen from its parent: what is known of it whether it is an agent or a program. */
export class Child {
  /** Its pid as its parent sees it */
  readonly pid: number
  readonly exited: Promise<Exit>
  #pidfd: number
  #exit: Exit | undefined
  #resolve!: (exit: Exit) => void

  constructor(pid: number, pidfd: number) {
    this.pid = pid
    this.#pidfd = pidfd
    this.exited = new Promise((resolve) => (this.#resolve = resolve))
  }

  /**
   * Its pid as this process sees it, from the pidfd (proc_pid_fdinfo(5), Linux 5.4); undefined when it has ended.
   * Other than `pid` when its parent lives in a pid namespace.
   */
  get hostPid(): number | undefined {
    if (this.#pidfd < 0) return undefined
    const [, pid] = /^Pid:\s*(-?\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${this.#pidfd}`, 'utf8')) ?? []
    return pid === undefined || pid === '-1' ? undefined : Number(pid)
  }

  get exit(): Exit | undefined {
    return this.#exit
  }

  /** Called once, by whoever hears of its end. */
  ended(exit: Exit): void {
    if (this.#exit) return
    this.#exit = exit
    if (this.#pidfd >= 0) closeSync(this.#pidfd)
    this.#pidfd = -1
    this.#resolve(exit)
  }

  /** Sends a signal by pidfd_send_signal(2): a recycled pid is never hit. False when the process is gone. */
  kill(signal: string | number): boolean {
    const number = typeof signal === 'number' ? signal : signalNumber(signal)
    if (this.#exit) return false
    const errno = native().signal(this.#pidfd, number)
    if (errno === 0) return true
    const name = errnoName(errno)
    if (name === 'ESRCH') return false
    throw new SyscallError({
      call: 'pidfd_send_signal',
      args: `pidfd of ${this.pid}, ${signal}`,
      errno: name,
      step: 0,
      steps: 1,
    })
  }
}

/** Streams and terminal of a program. */
export interface ProcessStreams {
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** Master side of its terminal */
  readonly terminal?: number
}

/** A program that was executed: no longer an agent. */
export class Process implements AsyncDisposable {
  /** Its pid as its parent sees it */
  readonly pid: number
  /** Its standard input, or null when it is not a pipe; end() it to give end of file */
  readonly stdin: Writable | null
  /** Its standard output (everything, with a terminal), or null when it is not a pipe */
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** How it ended; resolves once the kernel has reported it */
  readonly exited: Promise<Exit>
  readonly #child: Child
  readonly #terminal: number | undefined

  constructor(child: Child, streams: ProcessStreams) {
    this.#child = child
    this.pid = child.pid
    this.exited = child.exited
    this.stdin = streams.stdin
    this.stdout = streams.stdout
    this.stderr = streams.stderr
    this.#terminal = streams.terminal
    void child.exited.then(() => this.#letStreamsEnd())
  }

  /** Sends a signal; false when the process is already gone. @throws SyscallError when the kernel forbids it */
  kill(signal: string | number = 'SIGTERM'): boolean {
    return this.#child.kill(signal)
  }

  /** Tells the program the size of its terminal (TIOCSWINSZ, SIGWINCH follows). @throws StateError without a terminal */
  resize(size: { columns: number; rows: number }): void {
    if (this.#terminal === undefined) {
      throw new StateError('Process has no terminal', { state: 'pipes', wanted: "stdio: 'pty'" })
    }
    for (const [name, value] of Object.entries(size)) {
      if (!Number.isInteger(value) || value < 1 || value > 0xffff) {
        throw new InvalidInputError(`${name} is an integer from 1 to 65535, not ${value}`, { field: name })
      }
    }
    if (!this.#child.exit) native().winsize(this.#terminal, size.rows, size.columns)
  }

  /** Kills the program when it still runs, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGKILL')
    await this.exited
    this.stdin?.destroy()
    this.stdout?.destroy()
    this.stderr?.destroy()
  }

  /** Output that nobody reads would keep the event loop alive for ever; child_process does the same. */
  #letStreamsEnd(): void {
    // With a terminal both are one stream, which may hold output that nobody has read yet.
    if (this.#terminal === undefined) this.stdin?.destroy()
    for (const stream of [this.stdout, this.stderr]) {
      if (stream && stream.readableFlowing === null && stream.listenerCount('readable') === 0) stream.resume()
    }
  }
}

/** A program whose three standard streams are pipes: the default. */
export type PipedProcess = Process & { readonly stdin: Writable; readonly stdout: Readable; readonly stderr: Readable }
