import type { Readable, Writable } from 'node:stream'
import type { Command } from '../sandbox/command.ts'
import type { SandboxOptions } from '../sandbox/options.ts'
import type { Outcome, RunResult } from '../sandbox/result.ts'
import { Sandbox, type SpawnOptions } from '../sandbox/sandbox.ts'
import type { Hello } from './wire/hello.ts'

/** What a room is made by. */
export interface RoomPlan {
  readonly command: readonly string[]
  readonly sandbox: SandboxOptions
  /** Of a client that speaks the protocol; others get pipes, stdout and stderr as one. Asked when the command is to be started */
  readonly hello: () => Hello | undefined
  /** Over the sandbox's environment */
  readonly env: (hello: Hello | undefined) => Readonly<Record<string, string>>
  /** Between SIGTERM and SIGKILL, in milliseconds */
  readonly graceMs: number
  readonly signal: AbortSignal
}

/** A sandbox with one command in it, for one connection. The socket stays outside: see decision 0038. */
export class Room {
  readonly hello: Hello | undefined
  readonly id: string
  /** The command's end; the sandbox is closed by then, and its output may still be read */
  readonly ended: Promise<RunResult>
  readonly #box: Sandbox
  readonly #command: Command

  private constructor(box: Sandbox, command: Command, hello: Hello | undefined) {
    this.#box = box
    this.#command = command
    this.hello = hello
    this.id = box.id
    this.ended = this.#end()
    this.ended.catch(() => {})
  }

  /** @throws what Sandbox.create and spawn throw; nothing is left then */
  static async open({ command, sandbox, env, graceMs, signal, ...plan }: RoomPlan): Promise<Room> {
    const [name = '', ...args] = command
    const box = await Sandbox.create({ ...sandbox, signal })
    try {
      const hello = plan.hello()
      const running = await box.spawn(name, args, { ...streamsFor(hello), env: env(hello), graceMs })
      return new Room(box, running, hello)
    } catch (error) {
      await box.close()
      throw error
    }
  }

  get stdin(): Writable {
    return this.#command.stdin as Writable
  }

  get stdout(): Readable {
    return this.#command.stdout as Readable
  }

  /** Null when it comes with stdout */
  get stderr(): Readable | null {
    return this.#command.stderr
  }

  /** Ends all that runs in it, politely at first. */
  end(outcome: Outcome): void {
    this.#command.end(outcome)
  }

  /** Ends all that runs in it. */
  kill(): void {
    try {
      // What the command started goes with the sandbox, which is closed when the command has ended.
      this.#command.kill('SIGKILL')
    } catch {
      // Its sandbox takes it along; the end of the command reports what fails there.
      this.#box.close().catch(() => {})
    }
  }

  /** Sends a signal to the command's process group; one that has ended is no failure. */
  signal(name: string): Promise<void> {
    return this.#command.killGroup(name).catch(() => {})
  }

  resize(size: { readonly columns: number; readonly rows: number }): void {
    if (this.hello?.tty) this.#command.resize(size)
  }

  /** The last reading of the groups is taken before they go; what is left in there goes with them, so the output ends. */
  async #end(): Promise<RunResult> {
    try {
      return await this.#command.wait()
    } finally {
      await this.#box.close()
    }
  }
}

function streamsFor(hello: Hello | undefined): SpawnOptions {
  if (!hello) return { stdio: ['pipe', 'pipe', 'stdout'] }
  if (!hello.tty) return { stdio: 'pipe' }
  return { stdio: 'pty', size: { columns: hello.columns, rows: hello.rows } }
}
