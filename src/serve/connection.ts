import type { Socket } from 'node:net'
import type { RunResult } from '../sandbox/result.ts'
import { type Ended, endingOf, type Reason, usageOf, whyEnded } from './ending.ts'
import { failureOf } from './failure.ts'
import type { Hangup } from './hangups.ts'
import type { Peer } from './peer.ts'
import { Quiet } from './quiet.ts'
import { Room } from './room.ts'
import { sandboxFor, terminalEnv } from './sandbox-for.ts'
import type { Terms } from './terms.ts'
import { encodeCredit, encodeData, encodeFrame, SERVER_FRAMES, WINDOW_BYTES } from './wire/frames.ts'
import { encodeAnswer, type First, type Hello, Sniffer } from './wire/hello.ts'
import { FramedInput, type Input, plainInput } from './wire/input.ts'
import { pump, Wire } from './wire/wire.ts'

/** How long the rest of a hello may take, in milliseconds; what is there then is what a plain client typed. */
const HELLO_MS = 2000
/** How long the last words may take to be read by a client whose command was ended, in milliseconds. */
const LAST_WORDS_MS = 1000

/** One client, from its first byte to the end of its container. */
export class Connection {
  readonly id: number
  readonly peer: Peer
  readonly #terms: Terms
  readonly #wire: Wire
  readonly #quiet: Quiet
  readonly #sniffer = new Sniffer()
  readonly #giveUp = new AbortController()
  readonly #began = performance.now()
  readonly #timers: NodeJS.Timeout[] = []
  readonly #early: Uint8Array[] = []
  readonly #saidHello: Promise<void>
  #onHello: () => void = () => {}
  #first: First | undefined
  #input: Input | undefined
  #room: Room | undefined
  #reason: Reason | undefined
  #trouble: string | undefined
  #isOver = false

  constructor(id: number, socket: Socket, peer: Peer, terms: Terms) {
    this.id = id
    this.peer = peer
    this.#terms = terms
    this.#quiet = new Quiet(terms.limits, () => this.end('idle'))
    this.#wire = new Wire(socket, () => this.#quiet.heard())
    this.#saidHello = new Promise((resolve) => (this.#onHello = resolve))
  }

  /** Serves the client; resolves when nothing of the container is left and all was said. Never rejects. */
  async run(): Promise<void> {
    this.#listen()
    this.#terms.log('connect', { conn: this.id, ...this.peer.fields })
    const ending = await this.#serve().catch((error: unknown) => failureOf(error, this.id))
    try {
      this.#log(ending)
      this.#sayEnd(ending)
      await this.#wire.finish()
    } finally {
      this.#isOver = true
      this.#quiet.stop()
      this.#timers.forEach((timer) => clearTimeout(timer))
    }
  }

  /** Ends it for a reason; the first one counts. */
  end(reason: Reason): void {
    if (reason === 'disconnect' || reason === 'malformed') this.#kill()
    if (this.#reason || this.#isOver) return
    this.#reason = reason
    this.#giveUp.abort(new Error(reason))
    this.#room?.end(reason === 'timeout' ? 'timeout' : 'aborted')
    const patience = this.#terms.limits.graceMs + LAST_WORDS_MS
    this.#timers.push(setTimeout(() => this.#wire.socket.destroy(), patience))
  }

  /** Ends it at once. */
  destroy(): void {
    this.end('shutdown')
    this.#kill()
    this.#wire.socket.destroy()
  }

  #kill(): void {
    this.#room?.kill()
  }

  #listen(): void {
    const { socket } = this.#wire
    socket.on('error', () => {})
    socket.on('close', () => this.end('disconnect'))
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    socket.on('end', () => this.#inputEnded())
    this.#terms.hangups.watch(socket, (hangup) => this.#hungUp(hangup))
    const { timeoutMs } = this.#terms.limits
    if (timeoutMs !== undefined) this.#timers.push(setTimeout(() => this.end('timeout'), timeoutMs))
  }

  #receive(chunk: Uint8Array): void {
    this.#wire.received(chunk)
    // After nonsense there is nothing to be understood any more.
    if (this.#isOver || this.#trouble !== undefined) return
    this.#orDrop(() => {
      if (this.#input) this.#input.push(chunk)
      else if (this.#first) this.#early.push(chunk)
      else this.#sniff(chunk)
    })
  }

  /** What a client sends may be anything; one that breaks the protocol is dropped alone. */
  #orDrop(take: () => void): void {
    try {
      take()
    } catch (error) {
      this.#trouble = failureOf(error, this.id).detail
      this.end('malformed')
      this.#wire.socket.resume()
    }
  }

  #sniff(chunk: Uint8Array): void {
    const first = this.#sniffer.push(chunk)
    if (first) return this.#decide(first)
    const bytes = this.#sniffer.give()
    if (bytes.length === chunk.length) this.#timers.push(setTimeout(() => this.#decidePlain(), HELLO_MS))
  }

  #decidePlain(): void {
    if (this.#first || this.#trouble !== undefined) return
    this.#decide({ kind: 'plain', bytes: this.#sniffer.give() })
  }

  /** Until there is a command for it, nothing more is read. */
  #decide(first: First): void {
    this.#first = first
    this.#early.push(first.kind === 'plain' ? first.bytes : first.rest)
    this.#wire.socket.pause()
    if (first.kind === 'hello') this.#onHello()
    else if (this.#room) this.#attach(this.#room)
  }

  #inputEnded(): void {
    if (this.#isOver) return
    this.#decidePlain()
    if (this.#first?.kind === 'plain') this.#quiet.halfClosed()
    if (this.#input) this.#input.end()
    else if (this.#first?.kind === 'hello') this.end('disconnect')
  }

  /** Told also while the command does not read, and so nothing is read of the client: what it sent before is waiting then. */
  #hungUp(hangup: Hangup): void {
    if (hangup === 'gone') this.#wire.socket.destroy()
    else if (this.#first?.kind === 'plain') this.#quiet.halfClosed()
    else if (this.#first && !this.#input) this.end('disconnect')
  }

  #attach(room: Room): void {
    const input = room.hello ? this.#framed(room) : this.#plain(room)
    this.#input = input
    for (const bytes of this.#early.splice(0)) if (bytes.length > 0) this.#orDrop(() => input.push(bytes))
    if (this.#wire.socket.readableEnded) input.end()
    else if (room.stdin.writableNeedDrain !== true || room.hello) this.#wire.socket.resume()
  }

  #plain(room: Room): Input {
    const input = plainInput(room, this.#wire.socket)
    return {
      push: (bytes) => {
        this.#terms.input(this, bytes)
        input.push(bytes)
      },
      end: () => input.end(),
    }
  }

  #framed(room: Room): Input {
    return new FramedInput(room, {
      grant: (bytes) => this.#wire.write(encodeFrame(SERVER_FRAMES.credit, encodeCredit(bytes))),
      gone: () => this.end('disconnect'),
      data: (bytes) => this.#terms.input(this, bytes),
    })
  }

  /** The command is started at once, as plain clients want it unless a hello has come by then; one that comes later replaces the container. */
  async #serve(): Promise<RunResult> {
    const first = await this.#open()
    if (first.hello) return this.#relay(first)
    const relayed = this.#relay(first)
    await Promise.race([relayed, this.#saidHello])
    if (!this.#hello) return relayed
    this.#room = undefined
    first.kill()
    const opening = this.#open()
    await Promise.allSettled([opening, relayed])
    return this.#relay(await opening)
  }

  get #hello(): Hello | undefined {
    return this.#first?.kind === 'hello' ? this.#first.hello : undefined
  }

  async #open(): Promise<Room> {
    const { signal } = this.#giveUp
    const { command, limits, sandbox, turns } = this.#terms
    const env = (hello: Hello | undefined) => terminalEnv(sandbox, hello)
    const how = { hello: () => this.#hello, env, graceMs: limits.graceMs, signal }
    const room = await turns.take(() => Room.open({ command, sandbox: sandboxFor(sandbox, this.id), ...how }), signal)
    this.#room = room
    // What came between the last look at the signal and now.
    if (signal.aborted) this.#kill()
    return room
  }

  /** Hands everything to and fro until the command has ended and all of its output is with the kernel. */
  async #relay(room: Room): Promise<RunResult> {
    this.#quiet.start()
    if (room.hello) {
      this.#wire.tell(encodeAnswer({ connection: this.id }))
      this.#wire.tell(encodeFrame(SERVER_FRAMES.credit, encodeCredit(WINDOW_BYTES)))
      this.#attach(room)
    } else if (this.#first?.kind === 'plain') this.#attach(room)
    const outputs = room.hello
      ? [pump(room.stdout, this.#writer('stdout')), pump(room.stderr, this.#writer('stderr'))]
      : [pump(room.stdout, async (bytes) => this.#room === room && this.#wire.write(bytes))]
    const result = await room.ended
    await Promise.all(outputs)
    return result
  }

  #writer(kind: 'stdout' | 'stderr'): (bytes: Uint8Array) => Promise<boolean> {
    return async (bytes) => {
      for (const frame of encodeData(SERVER_FRAMES[kind], bytes)) if (!(await this.#wire.write(frame))) return false
      return true
    }
  }

  #sayEnd(ended: Ended): void {
    const { timeoutMs } = this.#terms.limits
    const why = whyEnded(this.#reason, ended, { quietMs: this.#quiet.ms, timeoutMs })
    if (!this.#hello) {
      if (why !== undefined) this.#wire.tell(`carrel: ${why}\n`)
      return
    }
    // Before the answer the client takes nothing for a frame.
    if (this.#room?.hello === undefined) this.#wire.tell(encodeAnswer({ connection: this.id }))
    const encoder = new TextEncoder()
    if (why !== undefined) this.#wire.tell(encodeFrame(SERVER_FRAMES.error, encoder.encode(why)))
    const ending = endingOf(this.#reason, ended)
    this.#wire.tell(encodeFrame(SERVER_FRAMES.exit, encoder.encode(JSON.stringify(ending))))
  }

  #log(ended: Ended): void {
    const { code, signal, outcome } = endingOf(this.#reason, ended)
    this.#terms.log('end', {
      conn: this.id,
      ...this.peer.fields,
      sandbox: this.#room?.id,
      mode: this.#hello ? (this.#hello.tty ? 'tty' : 'pipes') : 'plain',
      outcome,
      code,
      signal: signal ?? undefined,
      wall_ms: Math.round(performance.now() - this.#began),
      ...usageOf(ended),
      bytes_in: this.#wire.bytesIn,
      bytes_out: this.#wire.bytesOut,
      error: this.#trouble ?? ('detail' in ended && this.#reason === undefined ? ended.detail : undefined),
    })
  }
}
