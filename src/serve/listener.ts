import { once } from 'node:events'
import {
  type AddressInfo,
  createServer,
  type ListenOptions as NetListenOptions,
  type Server as NetServer,
  type Socket,
} from 'node:net'
import { InvalidInputError, SyscallError } from '../base/errors.ts'
import { type Address, showAddress, type TcpAddress, type UnixAddress } from './address.ts'
import { takeUnixName } from './unix-name.ts'

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
    return address.kind === 'unix'
      ? await listenUnix(server, address, options)
      : await listenTcp(server, address, options)
  } catch (error) {
    server.close()
    throw refusal(address, error)
  }
}

async function listenTcp(server: NetServer, address: TcpAddress, { backlog }: ListenOptions): Promise<Listener> {
  // "::" is no IPv4 address: who wants both says both.
  await listening(server, { host: address.host, port: address.port, backlog, ipv6Only: true })
  const { port } = server.address() as AddressInfo
  return { address: { ...address, port }, stop: () => void server.close() }
}

async function listenUnix(server: NetServer, address: UnixAddress, options: ListenOptions): Promise<Listener> {
  const { backlog, unixMode: mode } = options
  const name = await takeUnixName(address.path, { backlog, mode })
  await listening(server, { fd: name.fd, backlog })
  const stop = () => {
    if (server.listening) name.remove()
    server.close()
  }
  return { address, stop }
}

async function listening(server: NetServer, where: NetListenOptions & { readonly fd?: number }): Promise<void> {
  server.listen(where)
  await once(server, 'listening')
  // Too many open files: connections wait in the backlog, and those that there are go on.
  server.on('error', () => {})
}

function refusal(address: Address, error: unknown): InvalidInputError {
  if (error instanceof InvalidInputError) return error
  const code = error instanceof SyscallError ? error.errno : ((error as NodeJS.ErrnoException).code ?? String(error))
  return new InvalidInputError(`${address.kind} is ${showAddress(address)}, where nothing can listen: ${code}`, {
    field: address.kind,
    cause: error,
  })
}
