import { closeSync } from 'node:fs'
import { FRAMES, SPECIALS } from '../../src/protocol/wire.ts'
import { loadAddon, type Addon, type Channel } from '../../src/kernel/addon.ts'
import { compileAddon, compileAgent } from './compile.ts'
import { concat, frame, hello, little, program, type ProgramParts } from './encode.ts'

/** A bare connection to the agent, without anything of src/process but the addon's types. */

export interface Answer {
  readonly type: number
  readonly id: number
  readonly payload: Buffer
  readonly descriptors: readonly number[]
}

export interface Result {
  readonly error: number
  readonly results: readonly bigint[]
  readonly reply: Buffer
  readonly descriptors: readonly number[]
}

/** A process that will be killed cannot remove what it compiles, so it is given both. */
export const addonPath = process.env['CARREL_TEST_ADDON'] ?? compileAddon()
export const agentPath = process.env['CARREL_TEST_AGENT'] ?? compileAgent()
export const addon: Addon = loadAddon(addonPath)

const HEADER = 16

export class Connection {
  readonly channel: Channel
  readonly events: Answer[] = []
  readonly ended: Promise<number>
  #bytes = Buffer.alloc(0)
  #descriptors: number[] = []
  #id = 0
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #wake: () => void = () => {}

  constructor(socket: number) {
    let end: (errno: number) => void
    this.ended = new Promise((resolve) => (end = resolve))
    this.channel = addon.watch(socket, (bytes, descriptors, errno) => {
      if (bytes === null) return end(errno)
      this.#bytes = Buffer.concat([this.#bytes, bytes])
      this.#descriptors.push(...(descriptors ?? []))
      this.#take()
    })
    addon.ref(this.channel)
  }

  #take(): void {
    while (this.#bytes.length >= HEADER && this.#bytes.length >= HEADER + this.#bytes.readUInt32LE(0)) {
      const size = HEADER + this.#bytes.readUInt32LE(0)
      const answer = {
        id: this.#bytes.readUInt32LE(4),
        type: this.#bytes.readUInt16LE(8),
        payload: this.#bytes.subarray(HEADER, size),
        descriptors: this.#descriptors.splice(0, this.#bytes.readUInt16LE(10)),
      }
      this.#bytes = this.#bytes.subarray(size)
      const waiting = this.#waiting.get(answer.id)
      if (waiting && answer.id !== 0) waiting(answer)
      else this.events.push(answer)
      this.#wake()
    }
  }

  /** The first event of a type, waiting for it. */
  async event(type: keyof typeof FRAMES): Promise<Answer> {
    for (;;) {
      const index = this.events.findIndex((event) => event.type === FRAMES[type])
      const [found] = index < 0 ? [] : this.events.splice(index, 1)
      if (found) return found
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  send(bytes: Uint8Array, descriptors: readonly number[] = []): void {
    let rest = bytes
    let attached = descriptors
    const write = (): void => {
      while (rest.length > 0) {
        const count = addon.send(this.channel, rest, attached)
        if (count === -11) return addon.onWritable(this.channel, write)
        if (count < 0) throw new Error(`send: errno ${-count}`)
        rest = rest.subarray(count)
        attached = []
      }
    }
    write()
  }

  order(type: keyof typeof FRAMES, payload: Uint8Array, descriptors: readonly number[] = []): Promise<Answer> {
    const id = ++this.#id
    this.send(frame(type, payload, { id, descriptors: descriptors.length }), descriptors)
    return new Promise((resolve) => this.#waiting.set(id, resolve))
  }

  async greet(): Promise<number> {
    const id = ++this.#id
    this.send(hello(id))
    const answer = await new Promise<Answer>((resolve) => this.#waiting.set(id, resolve))
    return answer.payload.readInt32LE(4)
  }

  async run(parts: ProgramParts, descriptors: readonly number[] = []): Promise<Result> {
    const { type, payload, descriptors: received } = await this.order('RUN', program(parts), descriptors)
    if (type !== FRAMES.REPLY) throw new Error(`fault ${payload.readUInt32LE(0)}, ${payload.readBigUInt64LE(8)}`)
    const count = payload.readUInt32LE(0)
    return {
      error: payload.readInt32LE(4),
      results: Array.from({ length: count }, (_, i) => payload.readBigInt64LE(16 + 8 * i)),
      reply: payload.subarray(16 + 8 * count),
      descriptors: received,
    }
  }

  /** A child with a socket of its own; `kept` become 4, 5, … in it. */
  async clone(flags = 0n, kept: readonly number[] = []): Promise<{ child: Connection; pid: number }> {
    const [ours, theirs] = addon.socketpair()
    const result = await this.run(
      {
        steps: [[SPECIALS.CLONE, ['DATA', 0], 88, ['ATTACHED', 0], ['DATA', 88], kept.length]],
        relocations: kept.map((_, i) => ({ step: 0, at: 88 + 4 * i, kind: 4, width: 4, value: i + 1 })),
        data: concat(little(flags, 8), new Uint8Array(24), little(17n, 8), new Uint8Array(48 + 4 * kept.length)),
      },
      [theirs, ...kept],
    )
    closeSync(theirs)
    if (result.error !== 0) throw new Error(`clone3: errno ${result.error}`)
    const child = new Connection(ours)
    await child.greet()
    return { child, pid: Number(result.results[0]) }
  }

  close(): void {
    addon.close(this.channel)
  }
}

/** A root agent that has been greeted. */
export async function startAgent(): Promise<{ root: Connection; pid: number; pidfd: number }> {
  const { pid, pidfd, socket } = addon.start(agentPath)
  const root = new Connection(socket)
  await root.greet()
  return { root, pid, pidfd }
}

/** Closes the connection and waits until the agent has ended; its status as wait4(2) gives it. */
export async function stopAgent({ root, pidfd }: { root: Connection; pidfd: number }): Promise<number> {
  root.close()
  try {
    return await reaped(pidfd)
  } finally {
    closeSync(pidfd)
  }
}

export async function reaped(pidfd: number): Promise<number> {
  for (;;) {
    const gone = addon.reap(pidfd)
    if (gone) return gone.status
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
