import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { CARREL } from '../cli/carrel.ts'
import { groupsOf, recordsOf } from '../sandbox/leaks.ts'
import { eventually } from '../support/eventually.ts'
import { descendants, type Seen } from '../support/proc.ts'

/** A `carrel serve` in a process of its own. */
export class ServerProcess {
  readonly child: ChildProcess
  /** Where it listens, in the order of its options */
  addresses: readonly string[] = []
  #stdout = ''
  #stderr = ''

  private constructor(child: ChildProcess) {
    this.child = child
    child.stdout?.on('data', (data) => (this.#stdout += String(data)))
    child.stderr?.on('data', (data) => (this.#stderr += String(data)))
  }

  /**
   * Starts it on a free port, unless the options name another address.
   * @param before words in front of it, `setpriv …`
   * @param main file of the built command
   */
  static async start(
    options: readonly string[],
    command: readonly string[],
    before: readonly string[] = [],
    main = CARREL,
  ): Promise<ServerProcess> {
    const places = options.filter((word) => word === '--tcp' || word === '--unix').length
    const where = places === 0 ? ['--tcp', '0'] : []
    const words = [...before, process.execPath, main, 'serve', ...where, ...options, '--', ...command]
    const child = spawn(words[0] ?? '', words.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
    const server = new ServerProcess(child)
    const listening = () => [...server.#stdout.matchAll(/^listening on (.+)$/gm)].map(([, where_]) => where_ ?? '')
    await eventually(
      () => listening().length === Math.max(places, 1) || child.exitCode !== null,
      () => `it listens: ${server.#stdout}${server.#stderr}`,
    )
    server.addresses = listening()
    return server
  }

  get pid(): number {
    return this.child.pid ?? assert.fail('it has no pid')
  }

  get port(): number {
    const tcp = this.addresses.find((address) => !address.startsWith('unix:'))
    return Number(/:(\d+)$/.exec(tcp ?? '')?.[1])
  }

  get target(): string {
    return `127.0.0.1:${this.port}`
  }

  /** All that it has written to stderr: its warnings and its log */
  get log(): string {
    return this.#stderr
  }

  /** Lines of the log of one event */
  lines(event: string): readonly string[] {
    return this.#stderr.split('\n').filter((line) => line.split(/\s+/)[1] === event)
  }

  /** The line of an event once it is there. */
  async line(event: string, pattern = /(?:)/): Promise<string> {
    return eventually(
      () => this.lines(event).find((line) => pattern.test(line)),
      () => `${event} ${String(pattern)} in ${this.#stderr}`,
    )
  }

  /** Processes of its sandboxes' commands: everything below it but agents */
  commands(): readonly Seen[] {
    return descendants(this.pid).filter(({ name }) => !name.startsWith('carrel'))
  }

  descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length
  }

  /** Its resident memory in MiB */
  get rssMib(): number {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1]) / 1024
  }

  /** Ends it, and fails when it leaves something behind. Gives its exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const closed = once(this.child, 'close')
      // A second signal while Node takes itself down would be the end of it.
      if (signal === 'SIGKILL' || this.lines('drain').length === 0) this.child.kill(signal)
      await closed
    }
    await eventually(
      () => groupsOf(this.pid).length + (signal === 'SIGKILL' ? 0 : recordsOf(this.pid).length) === 0,
      () => `left: ${[...groupsOf(this.pid), ...recordsOf(this.pid)].join(', ')}`,
    )
    return this.child.exitCode
  }
}

/** Runs a server for as long as it is used; kills what a failed test leaves. */
export async function withServer(
  options: readonly string[],
  command: readonly string[],
  use: (server: ServerProcess) => Promise<void>,
): Promise<void> {
  const server = await ServerProcess.start(options, command)
  try {
    assert.ok(server.addresses.length > 0, server.log)
    await use(server)
    assert.equal(await server.stop(), 0, server.log)
  } finally {
    if (server.child.exitCode === null) await server.stop('SIGKILL')
  }
}

/** A plain client, as `nc` is one. */
export class Client {
  readonly socket: Socket
  readonly #over: Promise<unknown>
  #heard = ''

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (data) => (this.#heard += String(data)))
    socket.on('error', () => {})
    // It may come before anybody waits for it.
    this.#over = new Promise((resolve) => socket.once('end', resolve).once('close', resolve))
  }

  static async connect(to: number | string): Promise<Client> {
    const socket =
      typeof to === 'number'
        ? connect({ port: to, host: '127.0.0.1', allowHalfOpen: true })
        : connect({ path: to, allowHalfOpen: true })
    const client = new Client(socket)
    await once(socket, 'connect')
    return client
  }

  get heard(): string {
    return this.#heard
  }

  async hears(pattern: RegExp, withinMs = 20_000): Promise<string> {
    return eventually(
      () => pattern.exec(this.#heard)?.[0],
      () => `${String(pattern)} in ${JSON.stringify(this.#heard)}`,
      withinMs,
    )
  }

  /** Has a shell run a line, and gives what it printed. */
  async ask(line: string): Promise<string> {
    const mark = `m${Math.random().toString(36).slice(2)}`
    this.socket.write(`echo ${mark}''-begin; ${line}; echo ${mark}''-end\n`)
    const answer = new RegExp(`${mark}-begin\\n([^]*?)${mark}-end\\n`)
    await this.hears(answer)
    return (answer.exec(this.#heard)?.[1] ?? '').trim()
  }

  /** All that the server says, until it closes. */
  async rest(): Promise<string> {
    await this.#over
    this.socket.destroy()
    return this.#heard
  }

  vanish(): void {
    this.socket.destroy()
  }
}

/** A folder that goes with its use. */
export async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-test-'))
  try {
    await use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
