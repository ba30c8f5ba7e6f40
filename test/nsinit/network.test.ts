import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { InvalidInputError, StateError } from '../../src/base/errors.ts'
import { SyncNetlink } from '../../src/kernel/sync-netlink.ts'
import type { NetlinkRequest } from '../../src/linux/netlink/request.ts'
import type { ContainerNetwork, ContainerRoute } from '../../src/nsinit/container-json/container-config.ts'
import { addBridge } from '../../src/nsinit/network/add-bridge.ts'
import { addVeth } from '../../src/nsinit/network/add-veth.ts'
import { checkNetworks } from '../../src/nsinit/network/check-networks.ts'
import type { Rtnetlink } from '../../src/nsinit/network/rtnetlink.ts'
import { scratch, useOci } from '../support/oci.ts'
import { requires } from '../support/requires.ts'
import { Room, veth, vethOn } from './network-room.ts'

// Networks between two network namespaces of the test's own, of which one plays the host. What came of it says ip(8), and ping.

const NEEDS = requires({ root: true, program: '/usr/bin/busybox' })
useOci()

const FOUR = { address: '10.9.0.2/24', gateway: '10.9.0.1' } as const
const SIX = { ipv6Address: 'fd00:9::2/64', ipv6Gateway: 'fd00:9::1' } as const

test(
  'L20, L55, X20: loopback and a pair on a bridge have all that was asked for, in the kernel’s view',
  NEEDS,
  async () => {
    const room = await Room.open()
    const box = room.container()
    const state = room.attach(box, [
      { type: 'loopback', mtu: 1500, address: '127.1.2.3/8' },
      veth({ ...FOUR, ...SIX, mtu: 1400, txQueueLength: 77, macAddress: '02:42:ac:11:00:02' }),
    ])
    const lo = box.link('lo')
    assert.deepEqual([lo.mtu, lo.flags.includes('UP')], [1500, true])
    assert.deepEqual(box.addresses('lo'), ['127.0.0.1/8', '127.1.2.3/8', '::1/128'])
    const eth0 = box.link('eth0')
    assert.deepEqual(
      [eth0.mtu, eth0.txqlen, eth0.address, eth0.linkinfo?.info_kind, eth0.flags.includes('LOWER_UP')],
      [1400, 77, '02:42:ac:11:00:02', 'veth', true],
    )
    assert.deepEqual(box.addresses('eth0'), ['10.9.0.2/24', 'fd00:9::2/64'])
    assert.equal(box.routes().find(({ dst }) => dst === 'default')?.['gateway'], '10.9.0.1')
    assert.equal(box.routes('-6').find(({ dst }) => dst === 'default')?.['gateway'], 'fd00:9::1')
    const host = room.link('veth0')
    assert.deepEqual([host.master, host.mtu, host.txqlen, host.flags.includes('UP')], ['br0', 1400, 77, true])
    assert.deepEqual([room.link('br0').mtu, room.addresses('br0')], [1400, ['10.9.0.1/24', 'fd00:9::1/64']])
    assert.deepEqual(state, {
      veth_host: 'veth0',
      veth_child: 'eth0',
      interfaces: [{ host: 'veth0', host_index: host.ifindex, child: 'eth0', bridge: 'br0' }],
      bridges: ['br0'],
    })
    // At once: no address is tentative.
    assert.deepEqual([box.pings('10.9.0.1'), box.pings('fd00:9::1'), room.pings('10.9.0.2')], [true, true, true])
  },
)

test(
  'L55: two containers on one bridge reach each other by IPv4 and IPv6, each by interfaces of its own',
  NEEDS,
  async () => {
    const room = await Room.open()
    const [one, two] = [room.container(), room.container()]
    room.attach(one, [veth({ ...FOUR, ...SIX })])
    const hardware = room.link('br0').address
    room.attach(two, [veth({ ...FOUR, ...SIX, address: '10.9.0.3/24', ipv6Address: 'fd00:9::3/64' })])
    assert.deepEqual([one.pings('10.9.0.3'), one.pings('fd00:9::3'), two.pings('10.9.0.2')], [true, true, true])
    assert.deepEqual(room.names(), ['br0', 'veth0', 'veth1'])
    // Neighbours have it in their tables: it must not become that of another port.
    assert.equal(room.link('br0').address, hardware)
  },
)

test('L55: several networks of one container, and a bridge that is the host’s own', NEEDS, async () => {
  const room = await Room.open()
  room.ip('link', 'add', 'own0', 'type', 'bridge')
  room.ip('link', 'set', 'own0', 'up')
  const box = room.container()
  const state = room.attach(box, [
    vethOn('own0', { vethPrefix: 'left' }),
    veth({ name: 'eth1', ...FOUR, vethPrefix: 'right' }),
  ])
  assert.deepEqual(box.names(), ['eth0', 'eth1'])
  assert.deepEqual([room.link('left0').master, room.link('right0').master], ['own0', 'br0'])
  assert.deepEqual([room.link('own0').ifalias, room.addresses('own0')], [undefined, []])
  room.detach(state)
  assert.deepEqual(room.names(), ['own0'])
})

test(
  'L55: a route says which address packets are sent from, and stands in the place of the gateway',
  NEEDS,
  async () => {
    const room = await Room.open()
    const box = room.container()
    const routes: readonly ContainerRoute[] = [
      { source: '127.1.2.3', gateway: '10.9.0.1', interfaceName: 'eth0' },
      { destination: '198.51.100.0/24', source: '10.9.0.2', gateway: '10.9.0.9', interfaceName: 'eth0' },
      { destination: '192.0.2.0/24', interfaceName: 'eth0' },
      { destination: 'fd01::/64', gateway: 'fd00:9::1', interfaceName: 'eth0' },
    ]
    room.attach(box, [{ type: 'loopback', address: '127.1.2.3/8' }, veth({ ...FOUR, ...SIX })], routes)
    const of = (dst: string, family: '-4' | '-6' = '-4') => box.routes(family).filter((each) => each['dst'] === dst)
    assert.deepEqual(
      of('default').map(({ gateway, prefsrc }) => [gateway, prefsrc]),
      [['10.9.0.1', '127.1.2.3']],
    )
    assert.equal(of('192.0.2.0/24')[0]?.['scope'], 'link')
    assert.equal(of('fd01::/64', '-6')[0]?.['gateway'], 'fd00:9::1')
    assert.equal(of('default', '-6')[0]?.['gateway'], 'fd00:9::1')
    const [taken] = JSON.parse(box.ip('-j', 'route', 'get', '198.51.100.7')) as { gateway: string; prefsrc: string }[]
    assert.deepEqual([taken?.gateway, taken?.prefsrc], ['10.9.0.9', '10.9.0.2'])
  },
)

const TEST_NET = '198.51.100.0/24'
const eth1 = { name: 'eth1', bridge: 'br1' } as const

interface Refused {
  readonly field: string
  readonly message: RegExp
  /** Behind a loopback network */
  readonly networks: readonly ContainerNetwork[]
  readonly routes?: readonly ContainerRoute[]
}

const REFUSED: readonly Refused[] = [
  {
    field: '/networks/1/bridge',
    message: /names no interface.*"none".*create_bridge/,
    networks: [vethOn('none')],
  },
  { field: '/networks/1/bridge', message: /"lo" is an interface of another kind/, networks: [veth({ bridge: 'lo' })] },
  {
    field: '/networks/2/bridge',
    message: /"own0" is .* of another kind \(veth\)/,
    networks: [veth(FOUR), vethOn('own0', { name: 'eth1' })],
  },
  { field: '/networks/1/name', message: /"lo" is taken/, networks: [veth({ name: 'lo' })] },
  { field: '/networks/2/name', message: /"eth0" is taken/, networks: [veth(), veth({ bridge: 'br1' })] },
  { field: '/networks/1/veth_prefix', message: /leaves no room/, networks: [veth({ vethPrefix: 'fifteen-letters' })] },
  {
    field: '/networks/1/mac_address',
    message: /EADDRNOTAVAIL.*unicast/,
    networks: [veth({ macAddress: 'ff:ff:ff:ff:ff:ff' })],
  },
  {
    field: '/networks/1/gateway',
    message: /RTM_NEWROUTE.*ENETUNREACH: Nexthop has invalid gateway/,
    networks: [veth({ ...FOUR, gateway: '10.8.0.1' })],
  },
  {
    field: '/networks/1/ipv6_gateway',
    message: /RTM_NEWROUTE.*EHOSTUNREACH/,
    networks: [veth({ ...SIX, ipv6Gateway: 'fd00:8::1' })],
  },
  {
    field: '/networks/2/gateway',
    message: /EEXIST.*one per family/,
    networks: [veth(FOUR), veth({ ...eth1, address: '10.9.1.2/24', gateway: '10.9.1.1' })],
  },
  {
    field: '/routes/0',
    message: /RTM_NEWROUTE.*EINVAL: Invalid prefsrc/i,
    networks: [veth(FOUR)],
    routes: [{ destination: TEST_NET, source: '10.66.0.1', interfaceName: 'eth0' }],
  },
  {
    field: '/routes/1',
    message: /eth7/,
    networks: [veth(FOUR)],
    routes: [
      { destination: TEST_NET, interfaceName: 'eth0' },
      { destination: TEST_NET, interfaceName: 'eth7' },
    ],
  },
  {
    field: '/routes',
    message: /must be empty/,
    networks: [{ type: 'netns', nsPath: '/proc/self/ns/net' }],
    routes: [{ destination: TEST_NET, interfaceName: 'eth0' }],
  },
]

test(
  'L55, D-L11, X20: what cannot be is an error with place, rule and the kernel’s reason, and leaves nothing',
  NEEDS,
  async () => {
    const room = await Room.open()
    room.ip('link', 'add', 'own0', 'type', 'veth', 'peer', 'name', 'own1')
    for (const { field, message, networks, routes } of REFUSED) {
      const box = room.container()
      const isRefused = (error: unknown): boolean =>
        error instanceof InvalidInputError &&
        error.field === field &&
        error.message.startsWith(field) &&
        message.test(error.message)
      assert.throws(
        () => room.attach(box, [{ type: 'loopback' }, ...networks], routes),
        isRefused,
        `${field} ${String(message)}`,
      )
      assert.deepEqual([room.names(), box.names()], [['own1', 'own0'], []], field)
    }
  },
)

test('D-L11, X20: a name that is taken is passed over, also when it is taken in between', NEEDS, async () => {
  const room = await Room.open()
  room.ip('link', 'add', 'veth0', 'type', 'bridge')
  room.attach(room.container(), [veth()])
  assert.deepEqual(room.names(), ['veth0', 'br0', 'veth1'])
  // Another one has made veth0 and veth1 since the list: the kernel says EEXIST.
  const [host, box] = [SyncNetlink.open(room.agent), room.container()]
  const inside = SyncNetlink.open(box.agent)
  const blind: Rtnetlink = {
    request: <T>(request: NetlinkRequest<T>) => (request.isDump ? ([] as T) : host.request(request)),
    find: (request) => host.find(request),
  }
  const bridge = room.link('br0').ifindex
  const made = addVeth(blind, inside, {
    network: veth(),
    field: '/networks/0',
    pid: box.pid,
    bridge,
    routed: new Set(),
  })
  assert.deepEqual([made.host, made.host_index], ['veth2', room.link('veth2').ifindex])
  assert.equal(room.link('veth0').linkinfo?.info_kind, 'bridge')
})

test(
  'D-L11: what was made is removed by name and index: an interface that has got its name since stays',
  NEEDS,
  async () => {
    const room = await Room.open()
    const state = room.attach(room.container(), [veth()])
    room.ip('link', 'del', 'veth0')
    room.ip('link', 'add', 'veth0', 'type', 'veth', 'peer', 'name', 'other')
    room.detach(state)
    assert.deepEqual(
      room.names().filter((name) => name !== 'br0'),
      ['other', 'veth0'],
    )
    room.detach(state)
    assert.equal(room.names().includes('br0'), false, 'what is gone is no error, and the bridge has no port')
  },
)

test('L55: who leaves a bridge last removes it; one that somebody else made stays', NEEDS, async () => {
  const room = await Room.open()
  const states = [0, 1].map((n) => room.attach(room.container(), [veth({ ...FOUR, address: `10.9.0.${n + 2}/24` })]))
  room.detach(states[0]!)
  assert.deepEqual(room.names(), ['br0', 'veth1'])
  room.detach(states[1]!)
  assert.deepEqual(room.names(), [])
  room.ip('link', 'add', 'br0', 'address', '02:00:00:00:00:07', 'type', 'bridge')
  room.detach(room.attach(room.container(), [veth()]))
  assert.deepEqual([room.names(), room.link('br0').address], [['br0'], '02:00:00:00:00:07'])
  assert.throws(
    () => room.attach(room.container(), [veth(FOUR)]),
    /\/networks\/0\/gateway would be 10\.9\.0\.1\/24.*has none/,
  )
  assert.deepEqual(room.addresses('br0'), [])
})

test('X20: a bridge that was left half made by one that was killed is made anew', NEEDS, async () => {
  const room = await Room.open()
  room.ip('link', 'add', 'br0', 'type', 'bridge')
  room.ip('link', 'set', 'br0', 'alias', 'carrel nsinit')
  const host = SyncNetlink.open(room.agent)
  const address = { address: '10.9.0.1/24', key: 'gateway' }
  const index = addBridge(host, { name: 'br0', field: '/networks/0', made: { addresses: [address] } })
  assert.deepEqual([room.link('br0').ifindex, room.addresses('br0')], [index, ['10.9.0.1/24']])
  assert.equal(room.link('br0').flags.includes('UP'), true)
})

test('L55: a namespace to be joined must be there, and be one of networks', NEEDS, async () => {
  const room = await Room.open()
  const check = (nsPath: string) => () => checkNetworks(room.kernel, [{ type: 'netns', nsPath }])
  const file = scratch('no-namespace')
  writeFileSync(file, '')
  for (const path of ['/run/netns/none', file, '/proc/self/ns/mnt', '/tmp']) {
    assert.throws(check(path), { name: 'InvalidInputError', field: '/networks/0/ns_path' }, path)
  }
  const own = `/proc/${room.pid}/ns/net`
  check(own)()
  assert.deepEqual(room.attach(room.container(), [{ type: 'netns', nsPath: own }]), { ns_path: own })
})

test('L20: nothing is set up in the network of the host', NEEDS, async () => {
  const room = await Room.open()
  const before = room.ip('-j', 'address')
  assert.throws(() => room.attach(room, [{ type: 'loopback', mtu: 1500 }]), StateError)
  assert.deepEqual(room.ip('-j', 'address'), before)
})
