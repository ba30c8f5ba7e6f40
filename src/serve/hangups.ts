import type { Socket } from 'node:net'
import { machineArch } from '../linux/arch.ts'
import type { Channel } from '../kernel/addon.ts'
import { attempt, call } from '../kernel/call.ts'
import { native } from '../kernel/native.ts'
import { nodeKernel } from '../kernel/node.ts'
import { descriptorOf } from './peer.ts'

/** What a client that is not listened to has done: closed its direction, or gone for good. */
export type Hangup = 'closed' | 'gone'

/**
 * Tells of clients that go while nothing is read of them: Node does not ask the kernel about a socket that is paused, or that has come to its
 * end. An epoll instance of its own does, for just that: no byte wakes it. It is itself a descriptor that an event loop can wait for.
 */
export class Hangups implements Disposable {
  readonly #epoll: number
  readonly #channel: Channel
  readonly #watched = new Map<bigint, (hangup: Hangup) => void>()
  #last = 0n

  /** @throws SyscallError */
  constructor() {
    this.#epoll = call(nodeKernel(), 'epoll_create1', { args: 'EPOLL_CLOEXEC' }, EPOLL_CLOEXEC)
    // It is readable, but not by read(2), whose EINVAL is how the addon says that something has come.
    this.#channel = native().watch(this.#epoll, () => this.#take(), true)
  }

  /** Watches until the socket is closed, which takes it out of the set by itself (epoll(7)). Tells each state once, from the one it is in on. */
  watch(socket: Socket, onHangup: (hangup: Hangup) => void): void {
    const key = ++this.#last
    const event = new DataView(new ArrayBuffer(EVENT.size))
    event.setUint32(0, EPOLLRDHUP | EPOLLET, true)
    event.setBigUint64(EVENT.data, key, true)
    const bytes = new Uint8Array(event.buffer)
    if (attempt(nodeKernel(), 'epoll_ctl', this.#epoll, EPOLL_CTL_ADD, descriptorOf(socket), bytes) < 0) return
    this.#watched.set(key, onHangup)
    socket.once('close', () => this.#watched.delete(key))
  }

  #take(): void {
    const events = new DataView(new ArrayBuffer(EVENT.size * AT_ONCE))
    const bytes = new Uint8Array(events.buffer)
    const count = attempt(nodeKernel(), 'epoll_pwait', this.#epoll, bytes, AT_ONCE, 0, null, SIGSET_BYTES)
    for (let at = 0; at < count * EVENT.size; at += EVENT.size) {
      const isGone = (events.getUint32(at, true) & EPOLLERR) !== 0
      this.#watched.get(events.getBigUint64(at + EVENT.data, true))?.(isGone ? 'gone' : 'closed')
    }
    native().resume(this.#channel)
  }

  [Symbol.dispose](): void {
    native().close(this.#channel)
  }
}

/** sys/epoll.h. An error is told unasked: of a socket, that the connection was reset, or is dead for the kernel's own probes. */
const EPOLL_CLOEXEC = 0o2000000
const EPOLL_CTL_ADD = 1
const EPOLLERR = 0x8
const EPOLLRDHUP = 0x2000
/** Once for each change: one that is known already must not wake the loop for ever */
const EPOLLET = 0x8000_0000

/** struct epoll_event, which x86-64 alone packs: events, data. */
const EVENT = machineArch() === 'x64' ? { data: 4, size: 12 } : { data: 8, size: 16 }
const AT_ONCE = 64
const SIGSET_BYTES = 8
