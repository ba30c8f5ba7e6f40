import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  addAddress,
  addNeighbour,
  addRoute,
  addRule,
  createLink,
  getNamespaceId,
  listAddresses,
  listNeighbours,
  listRoutes,
  listRules,
  removeAddress,
  removeNeighbour,
  removeRoute,
  removeRule,
  setLink,
  setNamespaceId,
} from '../../src/linux/netlink/index.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { inNetworks, IP, type Network } from './networks.ts'

checkMachine()
const NEEDS = requires({ root: true, program: IP })

/** A pair in one namespace, both ends up. */
function pair({ netlink }: Network): void {
  netlink.request(createLink({ kind: 'veth', name: 'v0', up: true, peer: { name: 'v1' } }))
  netlink.request(setLink('v1', { up: true }))
}

type Row = Record<string, unknown>
const addressesOf = ({ json }: Network): Row[] =>
  json('address', 'show', 'dev', 'v0').flatMap((row) => row['addr_info'] as Row[])

test('addresses of both families have what was asked for, are told as ip tells them, and go', NEEDS, () =>
  inNetworks((host) => {
    const { netlink } = host
    pair(host)
    netlink.request(
      addAddress({ dev: 'v0', address: '192.0.2.7/25', broadcast: 'auto', label: 'v0:web', scope: 'link' }),
    )
    netlink.request(addAddress({ dev: 'v0', address: '192.0.2.200', validSeconds: 500, preferredSeconds: 300 }))
    netlink.request(addAddress({ dev: 'v0', address: '198.51.100.1', peer: '198.51.100.2/30', metric: 77 }))
    netlink.request(addAddress({ dev: 'v0', address: '2001:db8::7/64', flags: ['IFA_F_NODAD', 'IFA_F_NOPREFIXROUTE'] }))
    const rows = addressesOf(host)
    const find = (local: string): Row => rows.find((row) => row['local'] === local) ?? {}
    const first = find('192.0.2.7')
    assert.deepEqual(
      [first['prefixlen'], first['broadcast'], first['label'], first['scope']],
      [25, '192.0.2.127', 'v0:web', 'link'],
    )
    const second = find('192.0.2.200')
    assert.equal(second['prefixlen'], 32)
    assert.ok(Number(second['valid_life_time']) > 490 && Number(second['preferred_life_time']) <= 300)
    assert.deepEqual([find('198.51.100.1')['address'], find('198.51.100.1')['prefixlen']], ['198.51.100.2', 30])
    assert.deepEqual([find('2001:db8::7')['nodad'], find('2001:db8::7')['tentative']], [true, undefined])
    assert.doesNotMatch(host.ip('-6', 'route', 'show', 'dev', 'v0'), /2001:db8::\/64/)

    const told = netlink.request(listAddresses({ dev: 'v0' }))
    assert.equal(told.length, rows.length)
    const web = told.find(({ label }) => label === 'v0:web')
    assert.deepEqual([web?.address, web?.prefix, web?.broadcast, web?.scope], ['192.0.2.7', 25, '192.0.2.127', 'link'])
    assert.equal(told.find(({ peer }) => peer === '198.51.100.2')?.metric, 77)
    const short = told.find(({ address }) => address === '192.0.2.200')
    assert.ok(short?.validSeconds !== undefined && short.validSeconds > 490)
    assert.ok(netlink.request(listAddresses({ family: 'inet6' })).every(({ family }) => family === 'inet6'))

    netlink.request(removeAddress({ dev: 'v0', address: '192.0.2.7/25' }))
    netlink.request(removeAddress({ dev: 'v0', address: '2001:db8::7/64' }))
    assert.deepEqual(
      addressesOf(host).filter((row) => row['local'] === '192.0.2.7' || row['local'] === '2001:db8::7'),
      [],
    )
    assert.throws(() => netlink.request(removeAddress({ dev: 'v0', address: '192.0.2.7/25' })), {
      errno: 'EADDRNOTAVAIL',
    })
  }),
)

test('500 addresses are listed, none lost and none twice', NEEDS, () =>
  inNetworks((host) => {
    pair(host)
    const wanted = Array.from({ length: 500 }, (_, i) => `10.${i >> 8}.${i & 255}.1`)
    for (const address of wanted) host.netlink.request(addAddress({ dev: 'v0', address: `${address}/24` }))
    const told = host.netlink.request(listAddresses({ dev: 'v0', family: 'inet' }))
    assert.deepEqual(told.map(({ address }) => address).toSorted(), wanted.toSorted())
  }),
)

test('routes: gateway, source, metric, table, type, several ways, another family, as ip shows them', NEEDS, () =>
  inNetworks((host) => {
    const { netlink } = host
    pair(host)
    netlink.request(addAddress({ dev: 'v0', address: '192.0.2.1/24' }))
    netlink.request(addAddress({ dev: 'v0', address: '192.0.2.2/24' }))
    netlink.request(addAddress({ dev: 'v0', address: '2001:db8::1/64', flags: ['IFA_F_NODAD'] }))
    netlink.request(addRoute({ to: 'default', via: '192.0.2.254', metric: 50, mtu: 1200 }))
    netlink.request(addRoute({ to: '10.1.0.0/16', dev: 'v0', source: '192.0.2.2' }))
    netlink.request(addRoute({ to: '10.2.0.0/16', type: 'blackhole', table: 1000, protocol: 'dhcp' }))
    netlink.request(addRoute({ to: '10.3.0.0/16', via: '203.0.113.1', dev: 'v0', onlink: true }))
    netlink.request(
      addRoute({ to: '10.4.0.0/16', nexthops: [{ via: '192.0.2.10' }, { via: '192.0.2.11', weight: 5 }] }),
    )
    netlink.request(addRoute({ to: '10.5.0.0/16', via: '2001:db8::9', dev: 'v0' }))
    netlink.request(addRoute({ to: 'default', via: '2001:db8::fe' }))
    netlink.request(addRoute({ to: '2001:db8:5::/48', type: 'unreachable' }))

    const rows = [...host.json('route', 'show', 'table', 'all'), ...host.json('-6', 'route', 'show', 'table', 'all')]
    const find = (dst: string, gateway?: string): Row =>
      rows.find((row) => row['dst'] === dst && (gateway === undefined || row['gateway'] === gateway)) ?? {}
    const first = find('default', '192.0.2.254')
    assert.deepEqual([first['metric'], first['dev'], first['protocol']], [50, 'v0', 'static'])
    assert.match(JSON.stringify(first['metrics']), /"mtu":1200/)
    assert.deepEqual([find('10.1.0.0/16')['prefsrc'], find('10.1.0.0/16')['scope']], ['192.0.2.2', 'link'])
    const hole = find('10.2.0.0/16')
    assert.deepEqual([hole['type'], String(hole['table']), hole['protocol']], ['blackhole', '1000', 'dhcp'])
    assert.match(JSON.stringify(find('10.3.0.0/16')['flags']), /onlink/)
    const ways = find('10.4.0.0/16')['nexthops'] as Row[]
    assert.deepEqual(
      ways.map((way) => [way['gateway'], way['weight']]),
      [
        ['192.0.2.10', 1],
        ['192.0.2.11', 5],
      ],
    )
    assert.match(JSON.stringify(find('10.5.0.0/16')['via']), /inet6.*2001:db8::9/)
    assert.equal(find('default', '2001:db8::fe')['dev'], 'v0')
    assert.equal(find('2001:db8:5::/48')['type'], 'unreachable')

    const told = netlink.request(listRoutes({ family: 'inet', protocol: 'static' }))
    const shown = (to: string) => told.find((route) => route.to === to)
    assert.deepEqual(
      [shown('default')?.via, shown('default')?.mtu, shown('10.1.0.0/16')?.source],
      ['192.0.2.254', 1200, '192.0.2.2'],
    )
    assert.deepEqual(
      shown('10.4.0.0/16')?.nexthops.map(({ via, weight }) => [via, weight]),
      [
        ['192.0.2.10', 1],
        ['192.0.2.11', 5],
      ],
    )
    assert.equal(shown('10.5.0.0/16')?.via, '2001:db8::9')
    assert.deepEqual(
      netlink.request(listRoutes({ table: 1000 })).map(({ to, type, table }) => [to, type, table]),
      [['10.2.0.0/16', 'blackhole', 1000]],
    )
    assert.deepEqual(netlink.request(listRoutes({ table: 4242, family: 'inet' })), [])
    assert.equal(
      netlink.request(listRoutes({ table: 'main', family: 'inet6' })).some(({ family }) => family === 'inet'),
      false,
    )
    netlink.request(addRoute({ to: 'default', via: '192.0.2.253', metric: 50, replace: true }))
    netlink.request(removeRoute({ to: '10.4.0.0/16' }))
    netlink.request(removeRoute({ to: '10.2.0.0/16', type: 'blackhole', table: 1000 }))
    const after = host.ip('route', 'show', 'table', 'all')
    assert.match(after, /default via 192\.0\.2\.253/)
    assert.doesNotMatch(after, /192\.0\.2\.254|10\.4\.0\.0|10\.2\.0\.0/)
  }),
)

test('rules choose tables by source, destination, mark, link and priority', NEEDS, () =>
  inNetworks((host) => {
    const { netlink } = host
    pair(host)
    netlink.request(addRule({ from: '10.0.0.0/8', table: 1000, priority: 100 }))
    netlink.request(
      addRule({ to: '192.0.2.0/24', fwmark: 5, fwmask: 7, iif: 'v0', table: 10, priority: 101, not: true }),
    )
    netlink.request(addRule({ from: '2001:db8::/32', action: 'prohibit', priority: 102 }))
    netlink.request(addRule({ family: 'inet', goto: 32767, priority: 103, oif: 'v1' }))
    netlink.request(addRule({ priority: 104, suppressPrefixLength: 0 }))
    const text = host.ip('rule')
    assert.match(text, /^100:\s+from 10\.0\.0\.0\/8 lookup 1000/m)
    assert.match(text, /^101:\s+not from all to 192\.0\.2\.0\/24 fwmark 0x5\/0x7 iif v0 lookup 10/m)
    assert.match(text, /^103:\s+from all oif v1 goto 32767/m)
    assert.match(text, /^104:\s+from all lookup main suppress_prefixlength 0/m)
    assert.match(host.ip('-6', 'rule'), /^102:\s+from 2001:db8::\/32 prohibit/m)
    const told = netlink.request(listRules())
    const by = (priority: number) => told.find((rule) => rule.priority === priority)
    assert.deepEqual(by(101), {
      family: 'inet',
      priority: 101,
      to: '192.0.2.0/24',
      iif: 'v0',
      fwmark: 5,
      fwmask: 7,
      table: 10,
      action: 'table',
      not: true,
    })
    assert.deepEqual([by(102)?.action, by(103)?.goto, by(104)?.suppressPrefixLength], ['prohibit', 32767, 0])
    assert.equal(by(100)?.table, 1000)
    netlink.request(removeRule({ priority: 100, from: '10.0.0.0/8', table: 1000 }))
    assert.doesNotMatch(host.ip('rule'), /^100:/m)
    assert.throws(() => netlink.request(removeRule({ priority: 100, from: '10.0.0.0/8' })), { errno: 'ENOENT' })
  }),
)

test('neighbours and those that are answered for', NEEDS, () =>
  inNetworks((host) => {
    const { netlink } = host
    pair(host)
    netlink.request(addNeighbour({ dev: 'v0', to: '192.0.2.9', address: '02:00:00:00:00:09' }))
    netlink.request(
      addNeighbour({ dev: 'v0', to: '2001:db8::9', address: '02:00:00:00:00:19', state: 'stale', router: true }),
    )
    netlink.request(addNeighbour({ dev: 'v0', to: '192.0.2.10', proxy: true }))
    const rows = host.json('neighbour', 'show', 'dev', 'v0')
    const row = rows.find((each) => each['dst'] === '192.0.2.9')
    assert.deepEqual([row?.['lladdr'], row?.['state']], ['02:00:00:00:00:09', ['PERMANENT']])
    assert.ok('router' in (rows.find((each) => each['dst'] === '2001:db8::9') ?? {}))
    assert.match(host.ip('neighbour', 'show', 'proxy'), /192\.0\.2\.10 dev v0 +proxy/)
    const told = netlink
      .request(listNeighbours({ dev: 'v0', family: 'inet' }))
      .filter(({ state }) => state === 'permanent')
    assert.deepEqual(
      told.map(({ to, address }) => [to, address]),
      [['192.0.2.9', '02:00:00:00:00:09']],
    )
    assert.deepEqual(
      netlink.request(listNeighbours({ proxies: true })).map(({ to, proxy }) => [to, proxy]),
      [['192.0.2.10', true]],
    )
    netlink.request(addNeighbour({ dev: 'v0', to: '192.0.2.9', address: '02:00:00:00:00:0a', replace: true }))
    assert.match(readFileSync(`/proc/${host.pid}/net/arp`, 'utf8'), /192\.0\.2\.9 .*02:00:00:00:00:0a/)
    netlink.request(removeNeighbour({ dev: 'v0', to: '192.0.2.9' }))
    netlink.request(removeNeighbour({ dev: 'v0', to: '192.0.2.10', proxy: true }))
    assert.doesNotMatch(host.ip('neighbour', 'show', 'proxy'), /192\.0\.2\.10/)
    assert.doesNotMatch(host.ip('neighbour', 'show', 'nud', 'permanent'), /192\.0\.2\.9 /)
  }),
)

test('a namespace has the number that it was given, or none', NEEDS, () =>
  inNetworks((host, guest) => {
    assert.equal(host.netlink.request(getNamespaceId({ pid: guest.pid })), undefined)
    host.netlink.request(setNamespaceId({ pid: guest.pid }, 42))
    assert.equal(host.netlink.request(getNamespaceId({ pid: guest.pid })), 42)
    host.netlink.request(createLink({ kind: 'veth', name: 'v0', peer: { name: 'eth0', netns: { pid: guest.pid } } }))
    assert.equal(host.json('link', 'show', 'dev', 'v0')[0]?.['link_netnsid'], 42)
  }),
)
