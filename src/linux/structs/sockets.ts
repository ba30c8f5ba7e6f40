import { byteArray, bytesPointer, chars, countOf, lengthOf, structsPointer } from '../memory-fields.ts'
import { be16, choice, count64, derived, flags, i32, reserved, u16, u32, u8 } from '../scalar-fields.ts'
import { struct } from '../struct.ts'
import { AF } from '../tables/sockets.ts'
import { IFF, TUN_FLAGS } from '../tables/interfaces.ts'
import { POLL } from '../tables/events.ts'

/** A piece of memory; `iov_len` is computed from the bytes. */
export const IOVEC = struct('iovec', 'linux/uio.h', () => [
  ['iov_base', bytesPointer],
  ['iov_len', derived(count64, (input) => lengthOf(input['iov_base']))],
])

/** A message of sendmsg(2); counts and lengths are computed. `msg_name` is an encoded address, `msg_control` encoded headers. */
export const MSGHDR = struct('msghdr', 'sys/socket.h', () => [
  ['msg_name', bytesPointer],
  ['msg_namelen', derived(u32, (input) => lengthOf(input['msg_name']))],
  ['msg_iov', structsPointer(IOVEC)],
  ['msg_iovlen', derived(count64, (input) => countOf(IOVEC, input['msg_iov']))],
  ['msg_control', bytesPointer],
  ['msg_controllen', derived(count64, (input) => lengthOf(input['msg_control']))],
  ['msg_flags', i32],
])

/** The header of one control message; its data follows. */
export const CMSGHDR = struct('cmsghdr', 'sys/socket.h', () => [
  ['cmsg_len', count64],
  ['cmsg_level', i32],
  ['cmsg_type', i32],
])

/** Credentials of a peer: SCM_CREDENTIALS, SO_PEERCRED. */
export const UCRED = struct('ucred', 'sys/socket.h', () => [
  ['pid', i32],
  ['uid', u32],
  ['gid', u32],
])

/** An address of unix(7); encode paths with `unixAddress`, which also knows abstract names. */
export const SOCKADDR_UN = struct('sockaddr_un', 'linux/un.h', () => [
  ['sun_family', choice(2, AF)],
  ['sun_path', byteArray(108)],
])

/** An address of ip(7); `sin_port` in host order, `sin_addr` four bytes. */
export const SOCKADDR_IN = struct('sockaddr_in', 'linux/in.h', () => [
  ['sin_family', choice(2, AF)],
  ['sin_port', be16],
  ['sin_addr', byteArray(4)],
  ['__pad', reserved(8)],
])

/** An address of ipv6(7). */
export const SOCKADDR_IN6 = struct('sockaddr_in6', 'linux/in6.h', () => [
  ['sin6_family', choice(2, AF)],
  ['sin6_port', be16],
  ['sin6_flowinfo', u32],
  ['sin6_addr', byteArray(16)],
  ['sin6_scope_id', u32],
])

/** An address of netlink(7). */
export const SOCKADDR_NL = struct('sockaddr_nl', 'linux/netlink.h', () => [
  ['nl_family', choice(2, AF)],
  ['nl_pad', reserved(2, 2)],
  ['nl_pid', u32],
  ['nl_groups', u32],
])

/** A network interface by name, with flags (SIOCSIFFLAGS). */
export const IFREQ_FLAGS = struct(
  'ifreq_flags',
  'linux/if.h',
  () => [
    ['ifr_name', chars(16)],
    ['ifr_flags', flags(2, IFF)],
    ['rest', reserved(22)],
  ],
  { c: 'struct ifreq' },
)

/** A network interface by name, with the flags of TUNSETIFF. */
export const IFREQ_TUN = struct(
  'ifreq_tun',
  'linux/if.h',
  () => [
    ['ifr_name', chars(16)],
    ['ifr_flags', flags(2, TUN_FLAGS)],
    ['rest', reserved(22)],
  ],
  { c: 'struct ifreq' },
)

/** A network interface by name, with its index (SIOCGIFINDEX) or MTU (SIOCSIFMTU). */
export const IFREQ_INDEX = struct(
  'ifreq_index',
  'linux/if.h',
  () => [
    ['ifr_name', chars(16)],
    ['ifr_ifindex', i32],
    ['rest', reserved(20)],
  ],
  { c: 'struct ifreq' },
)

/** A network interface by name, with an IPv4 address (SIOCSIFADDR); `sin_addr` four bytes. */
export const IFREQ_ADDR = struct(
  'ifreq_addr',
  'linux/if.h',
  () => [
    ['ifr_name', chars(16)],
    ['family', choice(2, AF)],
    ['port', be16],
    ['address', byteArray(4)],
    ['rest', reserved(16)],
  ],
  { c: 'struct ifreq', union: true },
)

/** One descriptor of poll(2). */
export const POLLFD = struct('pollfd', 'poll.h', () => [
  ['fd', i32],
  ['events', flags(2, POLL)],
  ['revents', flags(2, POLL)],
])

/** Time that a socket lingers after close (SO_LINGER). */
export const LINGER = struct('linger', 'sys/socket.h', () => [
  ['l_onoff', i32],
  ['l_linger', i32],
])

/** Size of a terminal in characters (TIOCSWINSZ). */
export const WINSIZE = struct('winsize', 'asm/termios.h', () => [
  ['ws_row', u16],
  ['ws_col', u16],
  ['ws_xpixel', u16],
  ['ws_ypixel', u16],
])

/** Modes of a terminal (TCGETS2, TCSETS2). */
export const TERMIOS2 = struct('termios2', 'asm/termbits.h', () => [
  ['c_iflag', u32],
  ['c_oflag', u32],
  ['c_cflag', u32],
  ['c_lflag', u32],
  ['c_line', u8],
  ['c_cc', byteArray(19)],
  ['c_ispeed', u32],
  ['c_ospeed', u32],
])
