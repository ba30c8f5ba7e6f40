import { AgentError, InvalidInputError } from '../base/errors.ts'
import { attempt, call, callError, cString, E } from './call.ts'
import { close } from './descriptors.ts'
import { openDirectory } from './directories.ts'
import type { Kernel } from './kernel.ts'

/** sys/socket.h and asm-generic/socket.h */
const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const MSG_CTRUNC = 0x8
const MSG_CMSG_CLOEXEC = 0x4000_0000
export const MSG_DONTWAIT = 0x40
export const MSG_NOSIGNAL = 0x4000

/** Descriptors of one message, SCM_MAX_FD */
const MOST_DESCRIPTORS = 253

/** struct msghdr and its one struct iovec behind it; struct cmsghdr and its data. */
const MSGHDR = { iov: 16, iovlen: 24, control: 32, controllen: 40, flags: 48, base: 56, length: 64, size: 72 } as const
const CMSGHDR = { level: 8, type: 12, size: 16 } as const

/** Two ends of a unix stream socket, close-on-exec, blocking. @throws SyscallError */
export function socketPair(kernel: Kernel): readonly [ours: number, theirs: number] {
  const fds = new Int32Array(2)
  const bytes = new Uint8Array(fds.buffer)
  call(kernel, 'socketpair', { args: 'AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0' }, AF_UNIX, STREAM, 0, bytes)
  return [fds[0]!, fds[1]!]
}

const STREAM = SOCK_STREAM | SOCK_CLOEXEC
const DATAGRAM = SOCK_DGRAM | SOCK_CLOEXEC
/** connect(2) to a unix socket of another type; to one that is connected to somebody else; to one that nobody has */
const EPROTOTYPE = 91
const EPERM = 1
const ECONNREFUSED = 111

/** A listening unix socket at a path of any length. Its mode is 0777 less the umask. @throws SyscallError */
export function listenUnix(kernel: Kernel, path: string, backlog = 1): number {
  return atAddress(kernel, path, (socket, address) => {
    const args = `${socket}, {sun_path=${JSON.stringify(path)}}`
    call(kernel, 'bind', { args }, socket, address, address.length)
    call(kernel, 'listen', { args: `${socket}, ${backlog}` }, socket, backlog)
  })
}

/** Connects to a unix socket at a path of any length. @throws SyscallError ENOENT, ECONNREFUSED */
export function connectUnix(kernel: Kernel, path: string): number {
  return atAddress(kernel, path, (socket, address) => {
    const args = `${socket}, {sun_path=${JSON.stringify(path)}}`
    call(kernel, 'connect', { args }, socket, address, address.length)
  })
}

/**
 * Whether a name in the file system has a socket behind it still: the one of a process that was killed has none. By a socket of another kind,
 * for which a living one is of the wrong type: whoever listens there hears nothing of it. @throws SyscallError
 */
export function isBound(kernel: Kernel, path: string): boolean {
  const socket = call(kernel, 'socket', { args: 'AF_UNIX, SOCK_DGRAM|SOCK_CLOEXEC, 0' }, AF_UNIX, DATAGRAM, 0)
  let result = 0
  try {
    withShortPath(kernel, path, (short) => {
      const address = addressOf(short)
      result = attempt(kernel, 'connect', socket, address, address.length)
    })
  } finally {
    close(kernel, socket)
  }
  if (result === 0 || result === -EPROTOTYPE || result === -EPERM) return true
  if (result === -ECONNREFUSED || result === -E.ENOENT) return false
  throw callError('connect', { args: `${socket}, {sun_path=${JSON.stringify(path)}}` }, -result)
}

/** The next connection. @throws SyscallError */
export function acceptUnix(kernel: Kernel, socket: number): number {
  return call(kernel, 'accept4', { args: `${socket}, NULL, NULL, SOCK_CLOEXEC` }, socket, null, null, SOCK_CLOEXEC)
}

/** sun_path of unix(7) */
const LONGEST = 107

function atAddress(kernel: Kernel, path: string, use: (socket: number, address: Uint8Array) => void): number {
  const args = 'AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0'
  const socket = call(kernel, 'socket', { args }, AF_UNIX, STREAM, 0)
  try {
    withShortPath(kernel, path, (short) => use(socket, addressOf(short)))
    return socket
  } catch (error) {
    close(kernel, socket)
    throw error
  }
}

/** A path that does not fit is written by way of its directory's descriptor. */
function withShortPath(kernel: Kernel, path: string, use: (path: Uint8Array) => void): void {
  const bytes = cString(path)
  if (bytes.length <= LONGEST) return use(bytes)
  const cut = path.lastIndexOf('/') + 1
  const directory = openDirectory(kernel, path.slice(0, cut) || '.')
  try {
    const short = cString(`/proc/self/fd/${directory}/${path.slice(cut)}`)
    if (short.length > LONGEST)
      throw new InvalidInputError(`Name of a socket is too long: "${path}"`, { field: 'path' })
    use(short)
  } finally {
    close(kernel, directory)
  }
}

function addressOf(path: Uint8Array): Uint8Array {
  const address = new Uint8Array(2 + path.length)
  address[0] = AF_UNIX
  address.set(path, 2)
  return address
}

/** What one recvmsg(2) brought. */
export interface Received {
  /** Bytes, 0 at the end, or -errno */
  readonly size: number
  /** Close-on-exec; the caller's from now on */
  readonly descriptors: readonly number[]
}

/** Messages with descriptors (SCM_RIGHTS, unix(7)), by memory that is set up once. */
export class Messages {
  readonly #kernel: Kernel
  readonly #header = new Uint8Array(MSGHDR.size)
  readonly #view = new DataView(this.#header.buffer)
  readonly #control = new DataView(new ArrayBuffer(CMSGHDR.size + 4 * (MOST_DESCRIPTORS + 1)))
  readonly #controlAt: bigint

  constructor(kernel: Kernel) {
    this.#kernel = kernel
    this.#controlAt = kernel.address(new Uint8Array(this.#control.buffer))
    this.#view.setBigUint64(MSGHDR.iov, kernel.address(this.#header) + BigInt(MSGHDR.base), true)
    this.#view.setBigUint64(MSGHDR.iovlen, 1n, true)
  }

  /** Bytes that the kernel took, or -errno; the descriptors go with the first one. Raises no SIGPIPE. */
  send(socket: number, bytes: Uint8Array, descriptors: readonly number[] = [], flags = 0): number {
    const control = descriptors.length === 0 ? 0 : this.#fill(descriptors)
    this.#prepare(bytes, control)
    return attempt(this.#kernel, 'sendmsg', socket, this.#header, flags | MSG_NOSIGNAL)
  }

  /** Reads once into `into`. @throws AgentError when descriptors were lost: there was no room for them (RLIMIT_NOFILE) */
  receive(socket: number, into: Uint8Array, flags = 0): Received {
    this.#prepare(into, this.#control.byteLength)
    const size = attempt(this.#kernel, 'recvmsg', socket, this.#header, flags | MSG_CMSG_CLOEXEC)
    if (size < 0) return { size, descriptors: NONE }
    const length = Number(this.#view.getBigUint64(MSGHDR.controllen, true))
    const descriptors = length === 0 ? NONE : this.#descriptors(length)
    if (this.#view.getInt32(MSGHDR.flags, true) & MSG_CTRUNC) {
      for (const fd of descriptors) close(this.#kernel, fd)
      throw new AgentError('Descriptors of a message were lost: raise the limit of open files (RLIMIT_NOFILE)')
    }
    return { size, descriptors }
  }

  #prepare(bytes: Uint8Array, control: number): void {
    this.#view.setBigUint64(MSGHDR.base, this.#kernel.address(bytes), true)
    this.#view.setBigUint64(MSGHDR.length, BigInt(bytes.length), true)
    this.#view.setBigUint64(MSGHDR.control, control === 0 ? 0n : this.#controlAt, true)
    this.#view.setBigUint64(MSGHDR.controllen, BigInt(control), true)
    this.#view.setInt32(MSGHDR.flags, 0, true)
  }

  #fill(descriptors: readonly number[]): number {
    if (descriptors.length > MOST_DESCRIPTORS) {
      throw callError('sendmsg', { args: `${descriptors.length} descriptors` }, 109)
    }
    const length = CMSGHDR.size + 4 * descriptors.length
    this.#control.setBigUint64(0, BigInt(length), true)
    this.#control.setInt32(CMSGHDR.level, SOL_SOCKET, true)
    this.#control.setInt32(CMSGHDR.type, SCM_RIGHTS, true)
    descriptors.forEach((fd, i) => this.#control.setInt32(CMSGHDR.size + 4 * i, fd, true))
    return length
  }

  #descriptors(length: number): number[] {
    const found: number[] = []
    for (let at = 0; at + CMSGHDR.size <= length;) {
      const size = Number(this.#control.getBigUint64(at, true))
      if (size < CMSGHDR.size || size > length - at) break
      const isRights = this.#control.getInt32(at + CMSGHDR.level, true) === SOL_SOCKET
      if (isRights && this.#control.getInt32(at + CMSGHDR.type, true) === SCM_RIGHTS) {
        for (let i = at + CMSGHDR.size; i + 4 <= at + size; i += 4) found.push(this.#control.getInt32(i, true))
      }
      at += (size + 7) & ~7
    }
    return found
  }
}

const NONE: readonly number[] = []
