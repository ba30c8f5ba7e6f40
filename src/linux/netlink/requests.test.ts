import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addAddress } from './addresses.ts'
import { createLink, getLink, listLinks, type NewLink, removeLink, setLink } from './links.ts'
import { setNamespaceId } from './namespaces.ts'
import { addNeighbour } from './neighbours.ts'
import { stampRequest } from './request.ts'
import { addRoute, listRoutes, removeRoute } from './routes.ts'
import { addRule } from './rules.ts'

/** Bytes as the headers lay them out, in words of four bytes. */
const words = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .replaceAll(/.{8}(?=.)/g, '$& ')

test('a request has the bytes that linux/netlink.h and linux/rtnetlink.h say', () => {
  // nlmsghdr {len 56, type 16 RTM_NEWLINK, flags REQUEST|ACK|EXCL|CREATE = 0x605}, ifinfomsg, IFLA_IFNAME "d0", IFLA_LINKINFO{KIND "dummy"}
  assert.equal(
    words(createLink({ kind: 'dummy', name: 'd0' }).bytes),
    '38000000 10000506 00000000 00000000 ' +
      '00000000 00000000 00000000 00000000 ' +
      '07000300 64300000 ' +
      '10001280 0a000100 64756d6d 79000000',
  )
  // ifaddrmsg {AF_INET, 24, flags 0, scope 0, index 5}, IFA_LOCAL, IFA_ADDRESS, IFA_FLAGS NODAD
  assert.equal(
    words(addAddress({ dev: 5, address: '10.1.2.3/24', flags: 'IFA_F_NODAD' }).bytes),
    '30000000 14000506 00000000 00000000 02180000 05000000 08000200 0a010203 08000100 0a010203 08000800 02000000',
  )
  // rtmsg {AF_INET, 0, 0, 0, table 254, protocol 4 static, scope 0, type 1 unicast}, flags; RTA_TABLE, RTA_GATEWAY, RTA_OIF, RTA_PREFSRC
  assert.equal(
    words(addRoute({ to: 'default', via: '10.0.0.1', dev: 2, source: '10.0.0.9' }).bytes),
    '3c000000 18000506 00000000 00000000 02000000 fe040001 00000000 08000f00 fe000000 ' +
      '08000500 0a000001 08000400 02000000 08000700 0a000009',
  )
  // ndmsg {AF_INET, pads, index 3, state 0x80, flags 0, type 0}, NDA_DST, NDA_LLADDR
  assert.equal(
    words(addNeighbour({ dev: 3, to: '10.0.0.2', address: '02:00:00:00:00:01' }).bytes),
    '30000000 1c000506 00000000 00000000 02000000 03000000 80000000 08000100 0a000002 0a000200 02000000 00010000',
  )
  // fib_rule_hdr {AF_INET, dst_len 0, src_len 8, tos 0, table 100, 0, 0, action 1}, flags; FRA_TABLE, FRA_SRC, FRA_PRIORITY
  assert.equal(
    words(addRule({ from: '10.0.0.0/8', table: 100, priority: 7 }).bytes),
    '34000000 20000506 00000000 00000000 02000800 64000001 00000000 08000f00 64000000 08000200 0a000000 08000600 07000000',
  )
  // rtgenmsg, NETNSA_PID, NETNSA_NSID -1
  assert.equal(
    words(setNamespaceId({ pid: 258 }).bytes),
    '24000000 58000500 00000000 00000000 00000000 08000200 02010000 08000100 ffffffff',
  )
})

test('flags that change, and no others, stand in the mask of an ifinfomsg', () => {
  const head = (changes: Parameters<typeof setLink>[1]): string => words(setLink(9, changes).bytes.subarray(16, 32))
  assert.equal(head({ up: true }), '00000000 09000000 01000000 01000000')
  assert.equal(head({ up: false }), '00000000 09000000 00000000 01000000')
  // IFF_NOARP is 0x80: the opposite of `arp`
  assert.equal(head({ arp: false, promiscuous: true }), '00000000 09000000 80010000 80010000')
  assert.equal(head({ mtu: 1500 }), '00000000 09000000 00000000 00000000')
})

test('names of links leave places for their indexes, which a copy has filled in', () => {
  const request = addRoute({
    to: '10.0.0.0/8',
    nexthops: [
      { via: '192.0.2.1', dev: 'a' },
      { dev: 'b', weight: 3 },
    ],
  })
  assert.deepEqual(
    request.links.map(({ name, field }) => [name, field]),
    [
      ['a', 'nexthops[0].dev'],
      ['b', 'nexthops[1].dev'],
    ],
  )
  const stamped = stampRequest(request, { sequence: 0x11, port: 0x22, indexes: [0x33, 0x44] })
  const view = new DataView(stamped.buffer)
  assert.deepEqual([view.getUint32(8, true), view.getUint32(12, true)], [0x11, 0x22])
  assert.deepEqual(
    request.links.map(({ at }) => view.getUint32(at, true)),
    [0x33, 0x44],
  )
  assert.deepEqual([...request.bytes.subarray(8, 16)], [0, 0, 0, 0, 0, 0, 0, 0], 'the request itself is data')
  const macvlan = createLink({ kind: 'macvlan', name: 'm', link: 'low', master: 'br' })
  assert.deepEqual(new Set(macvlan.links.map(({ field }) => field)), new Set(['link', 'master']))
  // A link that is asked for, or removed, is named to the kernel itself.
  assert.deepEqual([getLink('x').links, removeLink('x').links], [[], []])
})

test('what is changed asks for an acknowledgement, what is listed is a dump', () => {
  const flags = ({ bytes }: { readonly bytes: Uint8Array }): number => new DataView(bytes.buffer).getUint16(6, true)
  assert.deepEqual([flags(removeLink('x')), flags(getLink('x')), flags(listLinks())], [5, 1, 0x301])
  assert.deepEqual([listLinks().isDump, addRoute({ to: 'default', dev: 1, replace: true }).isDump], [true, false])
  assert.equal(flags(addRoute({ to: 'default', dev: 1, replace: true })), 0x505)
})

test('a route that is taken away says nothing that the caller did not say', () => {
  const head = [...removeRoute({ to: '10.0.0.0/8' }).bytes.subarray(16, 28)]
  // protocol 0, scope RT_SCOPE_NOWHERE, type 0: any
  assert.deepEqual(head, [2, 8, 0, 0, 254, 0, 255, 0, 0, 0, 0, 0])
  assert.equal(
    addRoute({ to: '10.0.0.0/8', dev: 1, table: 70000 }).bytes[20],
    0,
    'a large table is in its attribute alone',
  )
})

test('values that cannot be meant are refused by field, with the rule', () => {
  const cases: readonly (readonly [field: string, make: () => unknown])[] = [
    ['name', () => createLink({ kind: 'dummy', name: 'far-too-long-a-name' })],
    ['kind', () => createLink({ kind: 'nonsense', name: 'a' } as unknown as NewLink)],
    ['peer.name', () => createLink({ kind: 'veth', name: 'a', peer: { name: 'a/b' } })],
    ['up', () => createLink({ kind: 'veth', name: 'a', peer: { name: 'b', up: true } as { name: string } })],
    ['alias', () => createLink({ kind: 'dummy', name: 'a', alias: 'x' } as unknown as NewLink)],
    ['mtu', () => setLink('a', { mtu: -1 })],
    ['mtu', () => setLink('a', { mtu: 1.5 })],
    ['peer.mtu', () => createLink({ kind: 'veth', name: 'a', peer: { name: 'b', mtu: NaN } })],
    ['address', () => setLink('a', { address: 'nonsense' })],
    ['up', () => setLink('a', { up: 1 as unknown as boolean })],
    ['alias', () => setLink('a', { alias: 'x'.repeat(256) })],
    ['netns', () => setLink('a', { netns: { pid: 1, fd: 2 } as unknown as { pid: number } })],
    ['netns.pid', () => setLink('a', { netns: { pid: 0 } })],
    ['mtuu', () => setLink('a', { mtuu: 1500 } as object)],
    ['bridge.forwardDelayMs', () => setLink('a', { bridge: { forwardDelayMs: 15 } })],
    ['port', () => setLink('a', { bridge: {}, port: {} })],
    ['mode', () => createLink({ kind: 'macvlan', name: 'a', link: 'b', mode: 'l2' as 'bridge' })],
    ['id', () => createLink({ kind: 'vlan', name: 'a', link: 'b', id: 4095 })],
    ['address', () => addAddress({ dev: 'a', address: '10.0.0.300/24' })],
    ['broadcast', () => addAddress({ dev: 'a', address: '::1', broadcast: 'auto' })],
    ['label', () => addAddress({ dev: 'a', address: '10.0.0.1', label: 'x'.repeat(16) })],
    ['peer', () => addAddress({ dev: 'a', address: '10.0.0.1', peer: '::2' })],
    ['preferredSeconds', () => addAddress({ dev: 'a', address: '10.0.0.1', validSeconds: 5, preferredSeconds: 6 })],
    ['validSeconds', () => addAddress({ dev: 'a', address: '10.0.0.1', validSeconds: 0 })],
    ['scope', () => addAddress({ dev: 'a', address: '10.0.0.1', scope: 'far' as 'link' })],
    ['to', () => addRoute({ to: '10.0.0.1/8' })],
    ['via', () => addRoute({ to: '2001:db8::/32', via: '10.0.0.1' })],
    ['source', () => addRoute({ to: '10.0.0.0/8', source: '::1' })],
    ['family', () => addRoute({ to: '10.0.0.0/8', family: 'inet6' })],
    ['nexthops', () => addRoute({ to: 'default', via: '10.0.0.1', nexthops: [{ dev: 1 }] })],
    ['nexthops[0].weight', () => addRoute({ to: 'default', nexthops: [{ dev: 1, weight: 257 }] })],
    ['type', () => addRoute({ to: 'default', type: 'hole' as 'blackhole' })],
    ['table', () => listRoutes({ table: 'toString' as 'main' })],
    ['goto', () => addRule({ action: 'goto' })],
    ['to', () => addRule({ from: '10.0.0.0/8', to: '2001:db8::/32' })],
    ['iif', () => addRule({ iif: 'a b' })],
    ['state', () => addNeighbour({ dev: 'a', to: '10.0.0.1', state: 'alive' as 'permanent' })],
  ]
  for (const [field, make] of cases) assert.throws(make, { name: 'InvalidInputError', field }, make.toString())
})
