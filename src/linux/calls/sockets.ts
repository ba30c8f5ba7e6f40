import type { Call } from '../call.ts'
import { outPair } from '../memory-params.ts'
import { choice, fd, flags, int, raw } from '../params.ts'
import { FD, VALUE, fds } from '../results.ts'
import { AF, SOCK } from '../tables/sockets.ts'

/** Sockets and devices. */
export const SOCKET_CALLS = {
  socket: {
    name: 'socket',
    about: 'Makes a socket. EAFNOSUPPORT, EPERM (raw), EMFILE',
    params: [choice(AF, 'domain'), flags(SOCK, 'type'), int('protocol')],
    result: FD,
  },
  socketpair: {
    name: 'socketpair',
    about: 'Makes two connected sockets. EOPNOTSUPP, EMFILE',
    params: [choice(AF, 'domain'), flags(SOCK, 'type'), int('protocol'), outPair(['0', '1'], 'readonly [Fd, Fd]')],
    result: fds('0', '1'),
  },
  ioctl: {
    name: 'ioctl',
    about: 'Works on a device; the request says what the argument is. ENOTTY, EINVAL',
    params: [fd(), int('request'), raw('argument')],
    result: VALUE,
  },
} as const satisfies Record<string, Call>
