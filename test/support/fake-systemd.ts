import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type BusMessage, decodeMessage, encodeMessage, messageLength } from '../../src/cgroup/systemd/dbus/message.ts'
import { type BusValue, variant } from '../../src/cgroup/systemd/dbus/value.ts'

/** What a call is answered with: results, an error by its name, bytes that are no message, the end of the connection, or nothing at all. */
export type FakeAnswer =
  | { readonly signature?: string; readonly body?: readonly BusValue[] }
  | { readonly error: string; readonly text: string }
  | { readonly bytes: Uint8Array }
  | 'close'
  | 'silence'

export interface FakeSystemdOptions {
  /** Answers instead of the usual ones, by member */
  readonly answers?: Readonly<Record<string, FakeAnswer>>
  /** Result of every job; `undefined`: no job ends */
  readonly result?: string | undefined
  /** Whether the end of a job is told before the call that made it is answered */
  readonly early?: boolean
  /** Who tells it; default systemd itself */
  readonly sender?: string
  /** What is said to who wants to come in, instead of OK */
  readonly refusal?: string
  /** Path of the socket below its folder; `systemd/private` has no bus */
  readonly socket?: string
}

const SYSTEMD = ':1.0'
const JOB = '/org/freedesktop/systemd1/job/7'
const UNIT = '/org/freedesktop/systemd1/unit/x'

/** A bus with a systemd on it, or a systemd alone, that says what a test wants it to say. */
export class FakeSystemd implements AsyncDisposable {
  readonly socket: string
  /** All calls that came, in their order */
  readonly calls: BusMessage[] = []
  readonly #folder: string
  readonly #server: Server
  readonly #options: FakeSystemdOptions
  readonly #open = new Set<Socket>()
  #serial = 0

  private constructor(folder: string, options: FakeSystemdOptions) {
    this.#folder = folder
    this.#options = options
    this.socket = join(folder, options.socket ?? 'bus')
    this.#server = createServer((socket) => this.#serve(socket))
  }

  static async start(options: FakeSystemdOptions = {}): Promise<FakeSystemd> {
    const fake = new FakeSystemd(mkdtempSync(join(tmpdir(), 'carrel-bus-')), options)
    mkdirSync(dirname(fake.socket), { recursive: true })
    await new Promise<void>((resolve) => fake.#server.listen(fake.socket, resolve))
    return fake
  }

  /** Names of the methods that were called. */
  get members(): readonly (string | undefined)[] {
    return this.calls.map(({ member }) => member)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
    rmSync(this.#folder, { recursive: true })
  }

  #serve(socket: Socket): void {
    this.#open.add(socket)
    let input = Buffer.alloc(0)
    let authenticated = false
    socket.on('error', () => {})
    socket.on('close', () => this.#open.delete(socket))
    socket.on('data', (chunk: Buffer) => {
      input = Buffer.concat([input, chunk])
      for (let end = input.indexOf('\r\n'); !authenticated && end >= 0; end = input.indexOf('\r\n')) {
        const line = input.subarray(0, end).toString('latin1').replace('\0', '')
        input = input.subarray(end + 2)
        authenticated = line === 'BEGIN'
        if (line === 'AUTH EXTERNAL') socket.write(this.#options.refusal ?? 'DATA\r\n')
        if (line === 'DATA') socket.write('OK 0123456789abcdef\r\n')
      }
      for (let length = messageLength(input); authenticated && length !== undefined && input.length >= length;) {
        const message = decodeMessage(input.subarray(0, length))
        input = input.subarray(length)
        length = messageLength(input)
        if (message) this.#take(socket, message)
      }
    })
  }

  #take(socket: Socket, call: BusMessage): void {
    this.calls.push(call)
    const answer = this.#options.answers?.[call.member ?? ''] ?? usual(call)
    const { result, early } = this.#options
    const isJob = ['StartTransientUnit', 'StopUnit'].includes(call.member ?? '') && 'body' in Object(answer)
    if (isJob && result !== undefined && early) this.#tell(socket, result)
    this.#answer(socket, call, answer)
    if (isJob && result !== undefined && !early) this.#tell(socket, result)
  }

  #answer(socket: Socket, call: BusMessage, answer: FakeAnswer): void {
    if (answer === 'silence') return
    if (answer === 'close') return void socket.destroy()
    if ('bytes' in answer) return void socket.write(answer.bytes)
    const head = { serial: ++this.#serial, replySerial: call.serial, sender: SYSTEMD }
    const message: BusMessage =
      'error' in answer
        ? { kind: 'error', ...head, errorName: answer.error, signature: 's', body: [answer.text] }
        : { kind: 'return', ...head, ...answer }
    socket.write(encodeMessage(message))
  }

  #tell(socket: Socket, result: string): void {
    // By its own socket it calls itself by its well-known name.
    const usualName = this.socket.endsWith('/private') ? 'org.freedesktop.systemd1' : SYSTEMD
    const sender = { sender: this.#options.sender ?? usualName }
    const body = [7, JOB, 'x.scope', result]
    const place = {
      path: '/org/freedesktop/systemd1',
      interface: 'org.freedesktop.systemd1.Manager',
      member: 'JobRemoved',
    }
    socket.write(
      encodeMessage({ kind: 'signal', serial: ++this.#serial, ...sender, ...place, signature: 'uoss', body }),
    )
  }
}

function usual({ member, body }: BusMessage): FakeAnswer {
  switch (member) {
    case 'Hello':
      return { signature: 's', body: [':1.9'] }
    case 'GetNameOwner':
      return { signature: 's', body: [SYSTEMD] }
    case 'GetConnectionUnixProcessID':
      return { signature: 'u', body: [process.pid] }
    case 'Get':
      return { signature: 'v', body: [variant('s', body?.[1] === 'Version' ? '252.39-1~deb12u2' : '')] }
    case 'GetUnit':
      return { signature: 'o', body: [UNIT] }
    case 'StartTransientUnit':
    case 'StopUnit':
      return { signature: 'o', body: [JOB] }
    default:
      return {}
  }
}
