import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createLink, getLink, listLinks, removeLink, setLink } from '../../src/linux/netlink/index.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { inNetworks, IP, type Network } from './networks.ts'

checkMachine()
const NEEDS = requires({ root: true, program: IP })

/** One link as `ip -j -d link` tells it. */
const shown = ({ json }: Network, name: string): Record<string, unknown> => json('link', 'show', 'dev', name)[0] ?? {}
const dataOf = (link: Record<string, unknown>): unknown => (link['linkinfo'] as Record<string, unknown>)['info_data']
const kindOf = (link: Record<string, unknown>): unknown => (link['linkinfo'] as Record<string, unknown>)['info_kind']

test('a veth has its two ends where they were to be, under their names, without a moment elsewhere', NEEDS, () =>
  inNetworks((host, guest) => {
    const peer = { name: 'eth0', netns: { pid: guest.pid }, mtu: 1400, address: '02:00:00:00:00:02', txQueueLength: 7 }
    host.netlink.request(
      createLink({ kind: 'veth', name: 'v0', mtu: 1300, address: '02:00:00:00:00:01', up: true, peer }),
    )
    const own = shown(host, 'v0')
    assert.deepEqual([own['mtu'], own['address'], kindOf(own)], [1300, '02:00:00:00:00:01', 'veth'])
    assert.ok((own['flags'] as string[]).includes('UP'))
    const other = shown(guest, 'eth0')
    assert.deepEqual([other['mtu'], other['address'], other['txqlen']], [1400, '02:00:00:00:00:02', 7])
    assert.doesNotMatch(host.ip('link'), /eth0/)
    const link = host.netlink.request(getLink('v0'))
    assert.equal(link.link, other['ifindex'])
    assert.equal(typeof link.linkNamespaceId, 'number')
    host.netlink.request(removeLink('v0'))
    assert.equal(guest.netlink.find(getLink('eth0')), undefined)
    assert.doesNotMatch(guest.ip('link'), /eth0/)
  }),
)

test('a bridge has the settings it was made with, and those it is given later; ports join and leave it', NEEDS, () =>
  inNetworks((host) => {
    const { netlink } = host
    netlink.request(
      createLink({
        kind: 'bridge',
        name: 'br0',
        stp: true,
        forwardDelayMs: 4000,
        priority: 4096,
        ageingTimeMs: 0,
        up: true,
      }),
    )
    const data = dataOf(shown(host, 'br0')) as Record<string, unknown>
    assert.deepEqual(
      [data['stp_state'], data['forward_delay'], data['priority'], data['ageing_time']],
      [1, 400, 4096, 0],
    )
    netlink.request(setLink('br0', { bridge: { stp: false, priority: 8192, multicastSnooping: false } }))
    // The kernel looks at the delay before it looks at stp: in one message it would be out of its range.
    netlink.request(setLink('br0', { bridge: { forwardDelayMs: 0 } }))
    const later = dataOf(shown(host, 'br0')) as Record<string, unknown>
    assert.deepEqual(
      [later['stp_state'], later['forward_delay'], later['priority'], later['mcast_snooping']],
      [0, 0, 8192, 0],
    )
    const { info } = netlink.request(getLink('br0'))
    assert.ok(info.kind === 'bridge')
    assert.deepEqual([info.stp, info.forwardDelayMs, info.multicastSnooping, info.priority], [false, 0, false, 8192])

    netlink.request(createLink({ kind: 'veth', name: 'p0', master: 'br0', peer: { name: 'p1' } }))
    assert.equal(shown(host, 'p0')['master'], 'br0')
    assert.deepEqual(
      netlink.request(listLinks({ master: 'br0' })).map(({ name, masterKind }) => [name, masterKind]),
      [['p0', 'bridge']],
    )
    netlink.request(setLink('p0', { port: { hairpin: true, isolated: true } }))
    const slave = (shown(host, 'p0')['linkinfo'] as Record<string, Record<string, unknown>>)['info_slave_data']
    assert.deepEqual([slave?.['hairpin'], slave?.['isolated']], [true, true])
    netlink.request(setLink('p0', { master: null }))
    assert.equal(shown(host, 'p0')['master'], undefined)
  }),
)

test('macvlan in each mode, vxlan, ifb: as they were asked for, and as they are told', NEEDS, () =>
  inNetworks((host) => {
    const { netlink } = host
    netlink.request(createLink({ kind: 'veth', name: 'low', peer: { name: 'far' } }))
    for (const mode of ['private', 'vepa', 'bridge', 'passthru', 'source'] as const) {
      netlink.request(createLink({ kind: 'macvlan', name: 'mac', link: 'low', mode }))
      assert.equal((dataOf(shown(host, 'mac')) as Record<string, unknown>)['mode'], mode)
      const link = netlink.request(getLink('mac'))
      assert.deepEqual(link.info, { kind: 'macvlan', mode })
      assert.equal(link.link, netlink.request(getLink('low')).index)
      netlink.request(removeLink('mac'))
    }
    netlink.request(createLink({ kind: 'ifb', name: 'in' }))
    assert.equal(kindOf(shown(host, 'in')), 'ifb')
    netlink.request(
      createLink({ kind: 'vxlan', name: 'x4', id: 77, remote: '192.0.2.1', local: '192.0.2.2', learning: false }),
    )
    const data = dataOf(shown(host, 'x4')) as Record<string, unknown>
    assert.deepEqual(
      [data['id'], data['remote'], data['local'], data['port'], data['learning']],
      [77, '192.0.2.1', '192.0.2.2', 4789, false],
    )
    netlink.request(createLink({ kind: 'vxlan', name: 'x6', id: 78, remote: '2001:db8::1', link: 'low', port: 99 }))
    const link = netlink.request(getLink('x6'))
    assert.ok(link.info.kind === 'vxlan')
    assert.deepEqual([link.info.remote, link.info.port, link.info.id], ['2001:db8::1', 99, 78])
  }),
)

/** Kinds that a kernel may have been made without. */
const OPTIONAL = {
  dummy: { make: createLink({ kind: 'dummy', name: 'opt' }), info: { kind: 'dummy' } },
  ipvlan: {
    make: createLink({ kind: 'ipvlan', name: 'opt', link: 'low', mode: 'l3', isolation: 'private' }),
    info: { kind: 'ipvlan', mode: 'l3', isolation: 'private' },
  },
  vlan: {
    make: createLink({ kind: 'vlan', name: 'opt', link: 'low', id: 12, protocol: '802.1ad' }),
    info: { kind: 'vlan', id: 12, protocol: '802.1ad' },
  },
} as const

for (const [kind, { make, info }] of Object.entries(OPTIONAL)) {
  test(`${kind}: as it was asked for, or the kernel's own word that it has none`, NEEDS, () =>
    inNetworks((host) => {
      const { netlink } = host
      netlink.request(createLink({ kind: 'veth', name: 'low', peer: { name: 'far' } }))
      const hasKind = makesByIp(host, kind)
      if (!hasKind) {
        assert.throws(() => netlink.request(make), { errno: 'EOPNOTSUPP', because: /^Unknown device type/ })
        return
      }
      netlink.request(make)
      assert.equal(kindOf(shown(host, 'opt')), kind)
      assert.deepEqual(netlink.request(getLink('opt')).info, info)
    }),
  )
}

/** Whether ip(8) can make such a link here. */
function makesByIp({ ip }: Network, kind: string): boolean {
  const more = { dummy: [], ipvlan: ['mode', 'l3'], vlan: ['id', '12'] }[kind] ?? []
  try {
    ip('link', 'add', ...(kind === 'dummy' ? [] : ['link', 'low']), 'name', 'opt', 'type', kind, ...more)
  } catch {
    return false
  }
  ip('link', 'delete', 'opt')
  return true
}

test('a link is renamed, moved by pid and by descriptor, and has all its settings changed', NEEDS, () =>
  inNetworks((host, guest) => {
    const { netlink } = host
    netlink.request(createLink({ kind: 'veth', name: 'a0', peer: { name: 'b0' } }))
    netlink.request(
      setLink('a0', {
        name: 'renamed',
        mtu: 1234,
        address: '02:00:00:00:00:0a',
        txQueueLength: 55,
        alias: 'to the guest',
        arp: false,
        multicast: false,
        promiscuous: true,
        group: 9,
        up: true,
      }),
    )
    const row = shown(host, 'renamed')
    assert.deepEqual(
      [row['mtu'], row['address'], row['txqlen'], row['ifalias'], row['group'], row['promiscuity']],
      [1234, '02:00:00:00:00:0a', 55, 'to the guest', '9', 1],
    )
    const flags = row['flags'] as string[]
    assert.deepEqual([flags.includes('UP'), flags.includes('NOARP'), flags.includes('MULTICAST')], [true, true, false])
    assert.equal(netlink.request(getLink('renamed')).alias, 'to the guest')
    netlink.request(setLink('renamed', { up: false, alias: '' }))
    assert.ok(!(shown(host, 'renamed')['flags'] as string[]).includes('UP'))
    assert.equal(netlink.request(getLink('renamed')).alias, undefined)

    netlink.request(setLink('renamed', { netns: { pid: guest.pid }, name: 'eth%d' }))
    assert.equal(shown(guest, 'eth0')['address'], '02:00:00:00:00:0a')
    assert.doesNotMatch(host.ip('link'), /renamed/)
  }),
)

test('statistics are the counters of /proc/net/dev', NEEDS, () =>
  inNetworks((host, guest) => {
    const peer = { name: 'eth0', netns: { pid: guest.pid } }
    host.netlink.request(createLink({ kind: 'veth', name: 'v0', up: true, peer }))
    guest.netlink.request(setLink('eth0', { up: true, arp: false }))
    host.ip('address', 'add', '192.0.2.1/24', 'dev', 'v0')
    host.ip('neighbour', 'add', '192.0.2.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'v0')
    // Without IPv6's own frames, which come when they come.
    const send = 'for (let i = 0; i < 20; i++) await new Promise((r) => s.send("x".repeat(100), 9, "192.0.2.2", r))'
    const script = `import d from 'node:dgram'; const s = d.createSocket('udp4'); ${send}; s.close()`
    execFileSync('nsenter', ['-t', String(host.pid), '-n', process.execPath, '--input-type=module', '-e', script])
    const { statistics } = host.netlink.request(getLink('v0'))
    assert.ok(statistics && statistics.txPackets >= 20 && statistics.txBytes >= 20 * 142, JSON.stringify(statistics))
    const line = readFileSync(`/proc/${host.pid}/net/dev`, 'utf8')
      .match(/v0:(.*)/)?.[1]
      ?.trim()
      .split(/\s+/)
      .map(Number)
    assert.ok((line?.[8] ?? 0) >= statistics.txBytes && (line?.[9] ?? 0) - statistics.txPackets < 10, String(line))
  }),
)

test('a list of 500 links is whole, and each is told as it is alone', NEEDS, () =>
  inNetworks((host) => {
    const { netlink } = host
    for (let i = 0; i < 250; i++) {
      netlink.request(createLink({ kind: 'veth', name: `many${i}`, peer: { name: `others${i}` } }))
    }
    const links = netlink.request(listLinks({ kind: 'veth' }))
    assert.equal(links.length, 500)
    assert.equal(new Set(links.map(({ index }) => index)).size, 500)
    assert.deepEqual(
      new Set(links.map(({ name }) => name)),
      new Set(host.json('link', 'show', 'type', 'veth').map((row) => row['ifname'])),
    )
    for (const link of [links[0], links[317], links[499]])
      assert.deepEqual(netlink.request(getLink(link?.index as number)), link)
    assert.equal(netlink.request(listLinks()).filter(({ kind }) => kind === 'veth').length, 500)
    assert.deepEqual(netlink.request(listLinks({ kind: 'bridge' })), [])
  }),
)
