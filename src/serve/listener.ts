import { once } from 'node:events'
import { lstatSync, unlinkSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server as NetServer, type Socket } from 'node:net'
import process from 'node:process'
import { InvalidInputError } from '../base/errors.ts'
import { type Address, showAddress } from './address.ts'

/** How a socket is made ready for connections. */
export interface ListenOptions {
  /** Connections that the kernel keeps until they are accepted (listen(2)) */
  readonly backlog: number
  /** Permissions of unix sockets: who may write may connect (unix(7)) */
  readonly unixMode: number
}

/** A socket that listens. */
export interface Listener {
  /** With the port that it got */
  readonly address: Address
  /** Takes no more connections; a unix socket's name goes. Idempotent */
  stop(): void
}

/** Idle connections whose host has gone are noticed after this, by the kernel's probes. */
const KEEP_ALIVE_MS = 60_000

/** @throws InvalidInputError when the address cannot be had */
export async function listen(
  address: Address,
  options: ListenOptions,
  onSocket: (socket: Socket) => void,
): Promise<Listener> {
  const server = createServer(
    { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
    onSocket,
  )
  try {
    if (address.kind === 'unix') await listenUnix(server, address.path, options)
    else {
      // "::" is no IPv4 address: who wants both says both.
      server.listen({ host: address.host, port: address.port, backlog: options.backlog, ipv6Only: true })
      await once(server, 'listening')
    }
  } catch (error) {
    throw refusal(address, error)
  }
  // Too many open files: connections wait in the backlog, and those that there are go on.
  server.on('error', () => {})
  const bound = address.kind === 'unix' ? address : { ...address, port: (server.address() as AddressInfo).port }
  return { address: bound, stop: () => void server.close() }
}

function refusal(address: Address, error: unknown): InvalidInputError {
  if (error instanceof InvalidInputError) return error
  const code = (error as NodeJS.ErrnoException).code ?? String(error)
  return new InvalidInputError(`${address.kind} is ${showAddress(address)}, where nothing can listen: ${code}`, {
    field: address.kind,
    cause: error,
  })
}

/** Node binds at once, in this turn of the loop: there is no moment at which more may connect than the mode says. */
async function listenUnix(server: NetServer, path: string, { backlog, unixMode }: ListenOptions): Promise<void> {
  await removeStale(path)
  const before = process.umask(0o777 & ~unixMode)
  try {
    // Node takes a name of digits for a port.
    server.listen({ path: Number(path) >= 0 ? `./${path}` : path, backlog })
  } finally {
    process.umask(before)
  }
  await once(server, 'listening')
}

/** A socket that a killed server has left refuses connections; one that does not is somebody's. */
async function removeStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat) return
  if (!stat.isSocket()) throw new InvalidInputError(`unix is ${path}, which exists and is no socket`, { field: 'unix' })
  const probe = connect(path)
  try {
    await once(probe, 'connect')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error
    unlinkSync(path)
    return
  } finally {
    probe.destroy()
  }
  throw new InvalidInputError(`unix is ${path}, at which somebody listens already`, { field: 'unix' })
}
