import type { Call } from '../call.ts'
import { ioctlArgument, ioctlRequest } from '../ioctl-request.ts'
import { bytes, outBlock, outBytes, outPair } from '../memory-params.ts'
import { address, inMessage, option, outAddress, outMessage, outOption } from '../message-params.ts'
import { choice, constant, fd, flags, int, raw } from '../params.ts'
import { FD, NONE, VALUE, fds, out } from '../results.ts'
import { sharedBytes } from '../in-out-params.ts'
import { AF, MSG, SHUT, SO, SOCK, SOL } from '../tables/sockets.ts'

/** Sockets and devices. */
export const SOCKET_CALLS = {
  socket: () => ({
    name: 'socket',
    about: 'Makes a socket. EAFNOSUPPORT, EPERM (raw), EMFILE',
    params: [choice(AF, 'domain'), flags(SOCK, 'type'), int('protocol')],
    result: FD,
  }),
  socketpair: () => ({
    name: 'socketpair',
    about: 'Makes two connected sockets. EOPNOTSUPP, EMFILE',
    params: [choice(AF, 'domain'), flags(SOCK, 'type'), int('protocol'), outPair(['0', '1'], 'readonly [Fd, Fd]')],
    result: fds('0', '1'),
  }),
  bind: () => ({
    name: 'bind',
    about: 'Gives a socket its address. EADDRINUSE, EACCES, EADDRNOTAVAIL',
    params: [fd('sockfd'), address()],
    result: NONE,
  }),
  connect: () => ({
    name: 'connect',
    about: 'Connects a socket. ECONNREFUSED, EINPROGRESS, ENOENT, EAGAIN',
    params: [fd('sockfd'), address()],
    result: NONE,
    waits: true,
  }),
  listen: () => ({
    name: 'listen',
    about: 'Lets a socket accept connections. EADDRINUSE, EOPNOTSUPP',
    params: [fd('sockfd'), int('backlog')],
    result: NONE,
  }),
  accept4: () => ({
    name: 'accept4',
    about: 'Accepts a connection; its address is told by getpeername. EAGAIN, EMFILE',
    params: [fd('sockfd'), constant(0, 'NULL', 'addr'), constant(0, 'NULL', 'addrlen'), flags(SOCK)],
    result: FD,
    waits: true,
  }),
  getsockname: () => ({
    name: 'getsockname',
    about: 'The own address of a socket. ENOTSOCK',
    params: [fd('sockfd'), outAddress()],
    result: out('SocketAddress'),
  }),
  getpeername: () => ({
    name: 'getpeername',
    about: 'The address of the other side. ENOTCONN',
    params: [fd('sockfd'), outAddress()],
    result: out('SocketAddress'),
  }),
  getsockopt: () => ({
    name: 'getsockopt',
    about: 'An option of a socket, at most `optlen` bytes. ENOPROTOOPT',
    params: [fd('sockfd'), choice(SOL, 'level'), choice(SO, 'optname'), outOption()],
    result: out('Uint8Array'),
  }),
  setsockopt: () => ({
    name: 'setsockopt',
    about: 'Sets an option of a socket: a 32-bit number, or bytes. ENOPROTOOPT, EPERM',
    params: [fd('sockfd'), choice(SOL, 'level'), choice(SO, 'optname'), option()],
    result: NONE,
  }),
  sendto: () => ({
    name: 'sendto',
    about: 'Sends bytes to an address. EAGAIN, EMSGSIZE, EPIPE',
    params: [fd('sockfd'), bytes(), flags(MSG), address()],
    result: VALUE,
    waits: true,
  }),
  sendmsg: () => ({
    name: 'sendmsg',
    about: 'Sends a message, with descriptors or other control messages. EAGAIN, EPIPE, ETOOMANYREFS',
    params: [fd('sockfd'), outMessage(), flags(MSG)],
    result: VALUE,
    waits: true,
  }),
  recvmsg: () => ({
    name: 'recvmsg',
    about: 'Receives a message and its control messages. EAGAIN, ECONNRESET',
    params: [fd('sockfd'), inMessage(), flags(MSG)],
    result: out('InMessage'),
    waits: true,
  }),
  recvfrom: () => ({
    name: 'recvfrom',
    about: 'Receives bytes. EAGAIN, ECONNRESET',
    params: [fd('sockfd'), outBytes('len'), flags(MSG), constant(0, 'NULL', 'addr'), constant(0, 'NULL', 'addrlen')],
    result: out('Uint8Array'),
    waits: true,
  }),
  shutdown: () => ({
    name: 'shutdown',
    about: 'Ends one direction of a connection. ENOTCONN',
    params: [fd('sockfd'), choice(SHUT, 'how')],
    result: NONE,
  }),
  ioctl: () => ({
    name: 'ioctl',
    about: 'Works on a device; the request says what the argument is. ENOTTY, EINVAL',
    params: [fd(), ioctlRequest, ioctlArgument],
    result: VALUE,
  }),
  ioctlRead: () => ({
    name: 'ioctl',
    about: 'An ioctl that only writes to its argument: gives `size` bytes (TIOCGWINSZ, TCGETS2). ENOTTY, EINVAL',
    params: [fd(), ioctlRequest, outBlock()],
    result: out('Uint8Array'),
  }),
  ioctlUpdate: () => ({
    name: 'ioctl',
    about:
      'An ioctl that reads and writes its argument: gives the bytes as the kernel left them (SIOCGIFINDEX, TUNSETIFF). ENOTTY, ENODEV',
    params: [fd(), ioctlRequest, sharedBytes('argument')],
    result: out('Uint8Array'),
  }),
  ioctlOpen: () => ({
    name: 'ioctl',
    about: 'An ioctl that makes a descriptor (NS_GET_USERNS, NS_GET_PARENT, TIOCGPTPEER). ENOTTY, EPERM',
    params: [fd(), ioctlRequest, raw('argument')],
    result: FD,
  }),
} satisfies Record<string, () => Call>
