import { appendText } from '../kernel/files.ts'
import { attempt } from '../kernel/call.ts'
import { writeAll } from '../kernel/descriptors.ts'
import type { Kernel } from '../kernel/kernel.ts'

export type LogLevel = 'debug' | 'info' | 'warning' | 'error'

export interface LogOptions {
  /** Absent: stderr */
  readonly file?: string
  readonly format: 'text' | 'json'
  readonly debug: boolean
  /** Of the program, before what is told at a terminal */
  readonly name?: string
}

const STDERR = 2
const utf8 = new TextEncoder()

/**
 * Messages in the two forms that engines read, those of logrus: `time="…" level=error msg="…"`, or an object of JSON a line. The file is
 * opened when there is something to say, for each line anew: engines empty it, and it is another's as well.
 */
export class Log {
  readonly #kernel: Kernel
  readonly #options: LogOptions
  /** Held back in JSON: podman reads the file as one single object when a command has failed. */
  #warnings: string[] = []

  constructor(kernel: Kernel, options: LogOptions) {
    this.#kernel = kernel
    this.#options = options
  }

  /** Whether `debug` writes anything, for messages that cost something to make. */
  get isDebug(): boolean {
    return this.#options.debug
  }

  debug(message: string): void {
    if (this.#options.debug) this.#line('debug', message)
  }

  info(message: string): void {
    if (this.#options.debug) this.#line('info', message)
  }

  /** Something that was given is not done, or not as it was meant. */
  warn(message: string): void {
    if (this.#options.format === 'json') this.#warnings.push(message)
    else this.#line('warning', message)
  }

  /** Why the command fails: its last words, of which engines show the message. */
  error(message: string): void {
    const warnings = this.#warnings
    this.#warnings = []
    this.#line('error', message, warnings)
    if (this.#options.file !== undefined) this.#toStderr(`${message}\n`)
  }

  /** Writes what was held back. A command that succeeds calls it, before it becomes another program too. */
  flush(): void {
    const warnings = this.#warnings
    this.#warnings = []
    for (const warning of warnings) this.#line('warning', warning)
  }

  #line(level: LogLevel, message: string, warnings: readonly string[] = []): void {
    const time = new Date().toISOString()
    const line =
      this.#options.format === 'json'
        ? JSON.stringify({ level, msg: message, time, ...(warnings.length > 0 ? { warnings } : {}) })
        : `time="${time}" level=${level} msg=${JSON.stringify(message)}`
    const { file, format, name = 'carrel-oci' } = this.#options
    if (file === undefined) {
      const forPeople = format === 'text' && isTerminal(this.#kernel, STDERR)
      return this.#toStderr(forPeople ? `${name}: ${level === 'error' ? '' : `${level}: `}${message}\n` : `${line}\n`)
    }
    try {
      appendText(this.#kernel, file, `${line}\n`)
    } catch (error) {
      // A message that cannot be written where it belongs is better anywhere than nowhere.
      this.#toStderr(`${line}\ncannot write to the log ${file}: ${(error as Error).message}\n`)
    }
  }

  #toStderr(text: string): void {
    try {
      writeAll(this.#kernel, STDERR, utf8.encode(text))
    } catch {
      // Closed, or the reader has gone: there is nobody left to tell.
    }
  }
}

/** Is the descriptor a terminal (TCGETS, ioctl_tty(2))? */
const isTerminal = (kernel: Kernel, fd: number): boolean =>
  attempt(kernel, 'ioctl', fd, 0x5401, new Uint8Array(64)) === 0
