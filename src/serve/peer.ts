import { isIPv6, type Socket } from 'node:net'
import { attempt } from '../kernel/call.ts'
import { nodeKernel } from '../kernel/node.ts'
import type { Address } from './address.ts'
import { showAddress } from './address.ts'

/** Who is at the other end of a connection. */
export interface Peer {
  /** For people and logs: `192.0.2.7:40000`, `uid=1000 pid=4711` */
  readonly name: string
  /** What a limit per address counts: an IPv4 address, a /64 of IPv6, a user of this machine */
  readonly key: string
  readonly fields: Readonly<Record<string, string | number>>
}

/** Reads who has connected; undefined when they are gone already. */
export function peerOf(socket: Socket, on: Address): Peer | undefined {
  return on.kind === 'unix' ? unixPeer(socket) : tcpPeer(socket)
}

function tcpPeer({ remoteAddress, remotePort }: Socket): Peer | undefined {
  if (remoteAddress === undefined || remotePort === undefined) return undefined
  const host = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, '')
  const name = showAddress({ kind: 'tcp', host, port: remotePort })
  return { name, key: addressKey(host), fields: { address: host, port: remotePort } }
}

/** One host of IPv6 has a whole /64 to call from (RFC 4291 2.5.1, RFC 8981). */
export function addressKey(host: string): string {
  if (!isIPv6(host)) return host
  const [bare = '', zone] = host.split('%')
  const [head = '', tail] = bare.split('::')
  const groups = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - groups.length - rest.length }, () => '0')
  const net = [...groups, ...zeros, ...rest].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16))
  return `${net.join(':')}::/64${zone === undefined ? '' : `%${zone}`}`
}

/** socket.h of asm-generic: SOL_SOCKET, SO_PEERCRED; its struct ucred holds three 32-bit numbers (unix(7)). */
const SOL_SOCKET = 1
const SO_PEERCRED = 17

/** Node has no name for the descriptor of a socket but this one; -1 without it: all users share one limit then. */
export function descriptorOf(socket: Socket): number {
  const { fd = -1 } = (socket as unknown as { _handle?: { fd?: number } })._handle ?? {}
  return fd
}

function unixPeer(socket: Socket): Peer {
  const ucred = new Uint32Array(3)
  const length = new Uint32Array([ucred.byteLength])
  const bytes = new Uint8Array(ucred.buffer)
  const result = attempt(
    nodeKernel(),
    'getsockopt',
    descriptorOf(socket),
    SOL_SOCKET,
    SO_PEERCRED,
    bytes,
    new Uint8Array(length.buffer),
  )
  if (result < 0) return { name: 'unix', key: 'unix', fields: {} }
  const [pid = 0, uid = 0, gid = 0] = ucred
  return { name: `uid=${uid} pid=${pid}`, key: `uid ${uid}`, fields: { uid, gid, pid } }
}
