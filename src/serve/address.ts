import { isIP, isIPv6 } from 'node:net'
import { InvalidInputError } from '../base/errors.ts'

/** A TCP address; the host is without brackets. */
export interface TcpAddress {
  readonly kind: 'tcp'
  readonly host: string
  /** 0 when listening: any that is free */
  readonly port: number
}

/** A unix socket. */
export interface UnixAddress {
  readonly kind: 'unix'
  readonly path: string
}

/** Where a server listens, or a client connects. */
export type Address = TcpAddress | UnixAddress

/** The port of the source, alcove's tcplxc. */
export const DEFAULT_PORT = 31_337
const LOOPBACK = '127.0.0.1'

/**
 * Parses `ADDR:PORT`, `[ADDR]:PORT` of IPv6, or `PORT` for the loopback. To listen, the address is one in numbers or `localhost`: what a name
 * resolves to tomorrow is not what was said today.
 * @throws InvalidInputError
 */
export function parseTcpAddress(text: string, { names = false }: { readonly names?: boolean } = {}): TcpAddress {
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]+)\]:|([^:[\]]*):|)(\d{1,5})$/.exec(text) ?? []
  const port = digits === '' ? Number.NaN : Number(digits)
  const host = hostOf(bracketed, plain, names)
  if (host !== undefined && port <= 0xffff && !(names && port === 0)) return { kind: 'tcp', host, port }
  const example = names ? 'example.org:31337' : '127.0.0.1:31337, [::1]:31337'
  throw new InvalidInputError(`tcp is ${JSON.stringify(text)}: ADDR:PORT is wanted, as in ${example}`, { field: 'tcp' })
}

function hostOf(bracketed: string | undefined, plain: string | undefined, names: boolean): string | undefined {
  if (bracketed !== undefined) return isIPv6(bracketed) ? bracketed : undefined
  if (plain === undefined || plain === '' || plain === 'localhost') return LOOPBACK
  if (isIP(plain) === 4) return plain
  return names && /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})$/.test(plain) ? plain : undefined
}

/** Bytes of sun_path without the NUL at its end (unix(7)). */
const LONGEST_PATH = 107

/** Checks the path of a unix socket: what is longer the kernel, or Node, would cut to another name. @throws InvalidInputError */
export function parseUnixAddress(path: string): UnixAddress {
  const { length } = new TextEncoder().encode(path)
  if (length > 0 && length <= LONGEST_PATH) return { kind: 'unix', path }
  throw new InvalidInputError(`unix is ${JSON.stringify(path)}: a path of 1 to ${LONGEST_PATH} bytes is wanted`, {
    field: 'unix',
  })
}

/** `127.0.0.1:80`, `[::1]:80`, `unix:/run/x.sock`. */
export function showAddress(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  return `${isIPv6(address.host) ? `[${address.host}]` : address.host}:${address.port}`
}

/** Whether nobody but this machine's own processes reach it. */
export const isLoopback = (host: string): boolean =>
  host.startsWith('127.') || host === '::1' || /^::ffff:127\./i.test(host)

/** Whether it stands for every address of this machine, those it gets later too. */
export const isWildcard = (host: string): boolean => /^0\.0\.0\.0$|^(?:0*:)+0*$|^::ffff:0\.0\.0\.0$/i.test(host)
