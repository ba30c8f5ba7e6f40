import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addAddress, addRoute, Conversation, createLink, getLink, setLink } from '../../src/linux/netlink/index.ts'
import { attribute, text } from '../../src/linux/netlink/encode.ts'
import { ifinfomsg } from '../../src/linux/netlink/link-settings.ts'
import { makeChange } from '../../src/linux/netlink/request.ts'
import { IFLA } from '../../src/linux/netlink/tables/links.ts'
import { program } from '../../src/program/builder.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { inNetworks, IP } from './networks.ts'

checkMachine()
const NEEDS = requires({ root: true, program: IP })

test('an error has the words of the kernel, and the attribute that it means', NEEDS, () =>
  inNetworks(({ netlink }) => {
    netlink.request(createLink({ kind: 'veth', name: 'v0', up: true, peer: { name: 'v1' } }))
    assert.throws(() => netlink.request(setLink('v0', { mtu: 10 })), {
      name: 'SyscallError',
      call: 'RTM_NEWLINK',
      errno: 'EINVAL',
      because: /mtu less than device minimum/,
    })
    assert.throws(() => netlink.request(addRoute({ to: 'default', via: '203.0.113.1' })), {
      message: 'RTM_NEWROUTE(default via 203.0.113.1): ENETUNREACH: Nexthop has invalid gateway',
    })
    assert.throws(() => netlink.request(createLink({ kind: 'macvlan', name: 'm0', link: 'nowhere' })), {
      errno: 'ENODEV',
      because: /^link of RTM_NEWLINK\(macvlan m0\) names no link/,
    })
    netlink.request(addAddress({ dev: 'v0', address: '192.0.2.1/24' }))
    assert.throws(() => netlink.request(addAddress({ dev: 'v0', address: '192.0.2.1/24' })), { errno: 'EEXIST' })
    assert.equal(netlink.find(getLink('nowhere')), undefined)
  }),
)

test('the attribute is named by its offset, also inside of others', NEEDS, () =>
  inNetworks(({ netlink }) => {
    netlink.request(createLink({ kind: 'bridge', name: 'br0' }))
    // Too short for a number of 32 bits: the kernel's policy refuses it and says where it stands.
    const short = makeChange({
      type: 'RTM_NEWLINK',
      flags: 0,
      head: ifinfomsg({}, undefined),
      attributes: [attribute(IFLA.IFLA_IFNAME, text('br0')), attribute(IFLA.IFLA_MTU, new Uint8Array(2))],
      about: 'br0',
    })
    assert.throws(() => netlink.request(short), { because: /\(IFLA_MTU\)$/ })
    assert.throws(() => netlink.request(setLink('br0', { netns: { pid: 2 ** 30 } })), { errno: 'ESRCH' })
    const inner = setLink('br0', { bridge: { priority: 1 } })
    // IFLA_BR_PRIORITY is the last attribute: two bytes of it, in a word of four.
    const bytes = inner.bytes.slice()
    const at = bytes.length - 8
    const view = new DataView(bytes.buffer)
    assert.deepEqual([view.getUint16(at, true), view.getUint16(at + 2, true)], [6, 6])
    view.setUint16(at, 5, true)
    assert.throws(() => netlink.request({ ...inner, bytes }), { errno: /EINVAL|ERANGE/, because: /IFLA_BR_PRIORITY/ })
  }),
)

test('answers to others, and what others send, are left aside', NEEDS, () =>
  inNetworks((host) => {
    const { agent, netlink } = host
    const p = program()
    const socket = p.socket('AF_NETLINK', ['SOCK_RAW', 'SOCK_CLOEXEC'], 0)
    p.bind(socket, { netlink: 0 })
    const name = p.getsockname(socket)
    const result = agent.run(p)
    const [fd, address] = [result.get(socket), result.get(name)]
    const port = 'netlink' in address ? (address.netlink as number) : 0
    const request = getLink('lo')
    const asked = new Conversation(request, { sequence: 7, port, indexes: [] })
    const send = program()
    send.sendto(fd, asked.datagram, [], { netlink: 0 })
    const answer = send.recvmsg(fd, { size: 32768 }, [])
    const message = agent.run(send).get(answer)
    asked.take({ ...message, from: { netlink: 4711 } })
    assert.equal(asked.isComplete, false, 'of another sender')
    const other = new Conversation(request, { sequence: 8, port, indexes: [] })
    other.take(message)
    assert.throws(() => other.result(), /no whole answer/, 'of another request')
    assert.throws(() => asked.take({ ...message, flags: ['MSG_TRUNC'] }), /more than 32768 bytes/)
    asked.take(message)
    assert.equal(asked.result().name, 'lo')
    assert.equal(netlink.request(getLink('lo')).name, 'lo')
  }),
)
