import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { cProgram } from './c-program.ts'
import { eventually } from './eventually.ts'
import { scratch, undoAfterTest } from './oci.ts'

/** The other end of `--console-socket`: takes one terminal and holds its master. */
export class ConsoleSocket {
  /** For `--console-socket` */
  readonly path: string
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  #seen = ''

  private constructor(path: string) {
    this.path = path
    this.#child = spawn(cProgram('test/support/receive-terminal.c'), [path], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.stdout.on('data', (bytes: Buffer) => (this.#seen += bytes.toString()))
    // The program ends with the terminal, whatever is still written to it.
    this.#child.stdin.on('error', () => {})
    undoAfterTest(() => {
      this.close()
      rmSync(path, { force: true })
    })
  }

  static async listen(): Promise<ConsoleSocket> {
    const made = new ConsoleSocket(scratch('console.sock'))
    await made.#until(/^listening\n/)
    return made
  }

  /** The terminal that came: its size then, and the message beside it */
  async received(): Promise<{ readonly rows: number; readonly columns: number; readonly message: string }> {
    const [, rows, columns, message = ''] = await this.#until(/^terminal (\d+) (\d+) (.*)\n/m)
    return { rows: Number(rows), columns: Number(columns), message }
  }

  /** Waits until what came out of the terminal matches, and gives all of it. */
  async shows(pattern: RegExp): Promise<string> {
    await this.received()
    return eventually(
      () => pattern.test(this.text) && this.text,
      () => `${String(pattern)} in ${JSON.stringify(this.text)}`,
    )
  }

  /** All that came out of the terminal so far */
  get text(): string {
    return this.#seen.replace(/^listening\nterminal .*\n/, '')
  }

  /** Types */
  write(text: string): void {
    this.#child.stdin.write(text)
  }

  /** Closes the master: the terminal hangs up. */
  close(): void {
    this.#child.kill('SIGKILL')
  }

  async #until(pattern: RegExp): Promise<RegExpMatchArray> {
    return eventually(
      () => this.#seen.match(pattern) ?? undefined,
      () => `${String(pattern)} in ${JSON.stringify(this.#seen)}`,
    )
  }
}
