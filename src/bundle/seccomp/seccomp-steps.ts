import { encodeRights, rightsOffset } from '../../linux/control-messages.ts'
import type { Call, Param } from '../../linux/call.ts'
import { quote } from '../../linux/c-string.ts'
import { type Fd, Ref } from '../../linux/ref.ts'
import { IOVEC, MSGHDR } from '../../linux/structs/sockets.ts'
import type { Program } from '../../program/builder.ts'
import type { OciFilter } from './oci-seccomp.ts'

/** Where the listener of a filter goes. */
export interface Listener {
  /** Connected to `listenerPath`, SOCK_STREAM */
  readonly socket: Ref<Fd> | number
  /** As `notifyMessage` makes it */
  readonly message: string
}

/**
 * Loads a filter, and hands its listener over if it has one. Only calls that the filter lets through follow.
 * Preconditions: no_new_privs, or CAP_SYS_ADMIN in the user namespace of the process (seccomp(2)).
 */
export function ociSeccompSteps(p: Program, { filter, flags, handOver, closes }: OciFilter, listener?: Listener): void {
  p.because('seccomp', 'Last before the exec: the filter need not allow what the setup does')
  const fd = p.seccomp('SECCOMP_SET_MODE_FILTER', flags, { len: filter.length / 8, filter }) as unknown as Ref<Fd>
  if (handOver === undefined || listener === undefined) return
  p.because(
    'seccomp',
    'The agent that answers for the calls of the container gets the listener, once, on this connection',
  )
  if (handOver === 'sendmsg') p.sendmsg(listener.socket, { data: listener.message, rights: [fd] }, ['MSG_NOSIGNAL'])
  else p.add(SENDMMSG, [listener.socket, { data: listener.message, fd }, 1, MSG_NOSIGNAL])
  if (closes) p.close(listener.socket)
}

const MSG_NOSIGNAL = 0x4000
/** sizeof(struct mmsghdr): a msghdr and the length that was sent */
const MMSGHDR = 64

interface HandOver {
  readonly data: string
  readonly fd: Ref<Fd>
}

const word = (name: string): Param => ({
  name,
  type: 'number',
  ref: 'Fd',
  encode: (value, to) => (value instanceof Ref ? to.push(to.wordOf(value)) : to.pushNumber(value as number)),
  print: (value) => (value instanceof Ref ? value.label : String(value)),
})

/** One message with one descriptor, as the first and only one of sendmmsg(2). */
const oneMessage: Param = {
  name: 'msgvec',
  type: 'HandOver',
  encode(value, to) {
    const { data, fd } = value as HandOver
    const bytes = new TextEncoder().encode(data)
    const rights = encodeRights([-1])
    const text = to.place(bytes)
    const iov = to.place(IOVEC.pack({ iov_len: bytes.length }))
    to.relocate(iov, { kind: 'data', value: text }, 8)
    const control = to.place(rights)
    to.relocate(control + rightsOffset(0), to.wordOf(fd), 4)
    const header = new Uint8Array(MMSGHDR)
    header.set(MSGHDR.pack({ msg_iovlen: 1, msg_controllen: rights.length }))
    const at = to.place(header)
    to.relocate(at + MSGHDR.offset('msg_iov'), { kind: 'data', value: iov }, 8)
    to.relocate(at + MSGHDR.offset('msg_control'), { kind: 'data', value: control }, 8)
    to.pushData(at)
  },
  print: (value) => `[{msg_hdr={msg_iov=[${quote((value as HandOver).data)}], [${(value as HandOver).fd.label}]}}]`,
}

const SENDMMSG: Call = {
  name: 'sendmmsg',
  params: [word('sockfd'), oneMessage, word('vlen'), word('flags')],
  result: { type: 'number', ref: 'Ref<number>', kind: 'value' },
}

/** What a seccomp agent is told of the container: runtime-spec config-linux.md, "The Container Process State". */
export interface NotifyState {
  readonly ociVersion: string
  readonly id: string
  readonly status: string
  /** As this pid namespace numbers it */
  readonly pid: number
  readonly bundle: string
  readonly annotations?: Readonly<Record<string, string>>
  /** `listenerMetadata` */
  readonly metadata?: string
}

/**
 * The message that goes with the listener: JSON, one descriptor named `seccompFd`.
 * @param notifier the process whose calls it is about, where that is not the first one
 */
export function notifyMessage(
  { ociVersion, id, status, pid, bundle, annotations, metadata }: NotifyState,
  notifier = pid,
): string {
  return JSON.stringify({
    ociVersion,
    fds: ['seccompFd'],
    pid: notifier,
    ...(metadata === undefined ? {} : { metadata }),
    state: { ociVersion, id, status, pid, bundle, ...(annotations === undefined ? {} : { annotations }) },
  })
}
