import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { SyscallError } from '../base/errors.ts'
import type { SandboxOptions } from '../sandbox/options.ts'
import { Sandbox } from '../sandbox/sandbox.ts'
import { type Address, showAddress } from './address.ts'
import { Admissions, type ConnectionLimits } from './admission.ts'
import { Connection } from './connection.ts'
import { assertDescriptors } from './descriptors.ts'
import { Hangups } from './hangups.ts'
import { type Listener, listen, type ListenOptions } from './listener.ts'
import type { Log } from './log.ts'
import { type Peer, peerOf } from './peer.ts'
import { sandboxFor } from './sandbox-for.ts'
import type { Terms, TimeLimits } from './terms.ts'
import { Turns } from './turns.ts'

/** What is served, where, to how many. */
export interface ServerOptions {
  readonly addresses: readonly Address[]
  /** The command of each connection, with its arguments */
  readonly command: readonly string[]
  readonly sandbox: SandboxOptions
  readonly times: TimeLimits
  readonly connections: ConnectionLimits
  readonly listen: ListenOptions
  /** Containers that are made at the same time */
  readonly makeAtOnce: number
  readonly log: Log
  /** Whether what clients send is logged too */
  readonly logInput: boolean
}

/** How long a client that was refused, or has got everything, may take to close its end, in milliseconds. */
const FAREWELL_MS = 1000

/** Listens, and gives each connection a container of its own. */
export class Server implements AsyncDisposable {
  readonly #options: ServerOptions
  readonly #admissions: Admissions
  readonly #terms: Terms
  readonly #live = new Map<Connection, Promise<void>>()
  readonly #leaving = new Set<Socket>()
  readonly #listeners: Listener[] = []
  #last = 0
  #isEmpty: Promise<void> | undefined

  private constructor(options: ServerOptions) {
    this.#options = options
    const { command, sandbox, times, log, logInput } = options
    this.#admissions = new Admissions(options.connections)
    this.#terms = {
      command,
      sandbox,
      limits: times,
      turns: new Turns(options.makeAtOnce),
      hangups: new Hangups(),
      log: (event, fields) => log.write(event, fields),
      input: ({ id, peer }, bytes) => {
        if (logInput) log.write('input', { conn: id, ...peer.fields, data: Buffer.from(bytes).toString() })
      },
    }
  }

  /**
   * Listens once containers can be made: what is wrong with the options, or missing on this host, is said before there is a client.
   * @throws InvalidInputError, UnsupportedError, SyscallError
   */
  static async start(options: ServerOptions): Promise<Server> {
    assertDescriptors(options.connections.connections, options.makeAtOnce)
    await rehearse(options.sandbox)
    const server = new Server(options)
    try {
      for (const address of options.addresses) await server.#listen(address)
    } catch (error) {
      server.#stopListening()
      server.#endAll(0)
      await server.#empty()
      throw error
    }
    return server
  }

  /** Where it listens, with the ports that it got */
  get addresses(): readonly Address[] {
    return this.#listeners.map(({ address }) => address)
  }

  async #listen(address: Address): Promise<void> {
    const listener = await listen(address, this.#options.listen, (socket) => this.#accept(socket, address))
    this.#listeners.push(listener)
    this.#terms.log('listen', { on: showAddress(listener.address), command: this.#options.command.join(' ') })
  }

  #accept(socket: Socket, on: Address): void {
    const peer = peerOf(socket, on)
    if (!peer) return void socket.destroy()
    const admission = this.#admissions.admit(peer.key)
    if (admission.refused !== undefined) return this.#refuse(socket, peer, admission.refused)
    const connection = new Connection(++this.#last, socket, peer, this.#terms)
    const leave = () => {
      admission.leave()
      this.#live.delete(connection)
      this.#seeOff(socket)
    }
    // Whatever goes wrong with one connection is no other's concern.
    this.#live.set(connection, connection.run().then(leave, leave))
  }

  #refuse(socket: Socket, peer: Peer, why: string): void {
    this.#terms.log('refuse', { ...peer.fields, why })
    socket.on('error', () => {})
    socket.end(`carrel: Refused: ${why}\n`)
    this.#seeOff(socket)
  }

  /**
   * A socket that is closed with bytes unread takes back what it has sent (RFC 1122 4.2.2.13): the client has a moment to read and to
   * close. In a flood there is no such moment.
   */
  #seeOff(socket: Socket): void {
    if (this.#leaving.size >= this.#options.connections.connections) return void socket.destroy()
    if (socket.destroyed) return
    this.#leaving.add(socket)
    const timer = setTimeout(() => socket.destroy(), FAREWELL_MS)
    socket.once('end', () => socket.destroy())
    socket.once('close', () => {
      clearTimeout(timer)
      this.#leaving.delete(socket)
    })
    socket.resume()
  }

  /**
   * Takes no more connections, and lets those that there are go on for so long; then they are ended. Resolves when nothing is left. When it is
   * called again, the shorter time counts.
   */
  async close(drainMs: number): Promise<void> {
    this.#stopListening()
    this.#terms.log('drain', { connections: this.#live.size, drain_ms: drainMs })
    const timer = setTimeout(() => this.#endAll(drainMs), drainMs)
    this.#isEmpty ??= this.#empty().then(() => this.#terms.log('close', {}))
    await this.#isEmpty
    clearTimeout(timer)
  }

  async #empty(): Promise<void> {
    await Promise.all(this.#live.values())
    for (const socket of this.#leaving) socket.destroy()
    this.#terms.hangups[Symbol.dispose]()
  }

  #stopListening(): void {
    for (const listener of this.#listeners) listener.stop()
  }

  #endAll(drainMs: number): void {
    for (const connection of this.#live.keys()) {
      if (drainMs > 0) connection.end('shutdown')
      else connection.destroy()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close(0)
  }
}

/**
 * Two, because the second one shows that there will be more: what they share is made for the first client then. In one a program is
 * executed that nobody has: when just that fails, a command has everything else.
 */
async function rehearse(sandbox: SandboxOptions): Promise<void> {
  const first = await Sandbox.create(sandboxFor(sandbox, 0))
  await first.close()
  await using second = await Sandbox.create(sandboxFor(sandbox, 0))
  try {
    await second.spawn(`/${randomUUID()}`)
  } catch (error) {
    if (error instanceof SyscallError && error.call === 'execve' && error.errno === 'ENOENT') return
    throw error
  }
}
