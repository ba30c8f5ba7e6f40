import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { SyncAgent } from '../../src/kernel/agent.ts'
import { nodeKernel } from '../../src/kernel/node.ts'
import { createTun, SyncNetlink } from '../../src/kernel/sync-netlink.ts'
import { getLink, Netlink, type NetlinkEvent } from '../../src/netlink/index.ts'
import { Agent } from '../../src/process/agent.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { IP, ipIn } from './networks.ts'

checkMachine()
const NEEDS = requires({ root: true, program: IP })
const TUN = existsSync('/dev/net/tun') ? NEEDS : { skip: 'needs /dev/net/tun' }

async function inNetwork(look: (netlink: Netlink, agent: Agent) => Promise<void>): Promise<void> {
  await using root = await Agent.start()
  const agent = await root.clone(['CLONE_NEWNET'])
  await using netlink = await Netlink.open(agent)
  await look(netlink, agent)
}

test('E09: a tap device is as long as its descriptor, a persistent tun with an owner stays', TUN, () =>
  inNetwork(async (netlink, agent) => {
    const ip = (...args: string[]): string => ipIn(agent.hostPid as number, args)
    const tap = await netlink.links.createTun({ kind: 'tap', name: 'tap%d' })
    assert.equal(tap.link.name, 'tap0')
    assert.match(ip('-d', 'link', 'show', 'tap0'), /tun type tap pi off/)
    await assert.rejects(netlink.links.createTun({ kind: 'tap', name: 'tap0' }), { errno: 'EBUSY' })
    await agent.sys.close(tap.fd as number)
    assert.equal(await netlink.links.find('tap0'), undefined)

    const tun = await netlink.links.createTun({ kind: 'tun', name: 'tun9', persist: true, owner: 1234, group: 4321 })
    assert.equal(tun.fd, undefined)
    assert.match(ip('-d', 'link', 'show', 'tun9'), /tun type tun pi off .*persist on user 1234 group 4321/)
    await netlink.links.remove('tun9')
    await assert.rejects(netlink.links.createTun({ kind: 'tap', name: 'much-too-long-a-name' }), { field: 'name' })
  }),
)

test('a device whose owner cannot be is not left half made', TUN, () => {
  const root = SyncAgent.start(nodeKernel())
  // No id is mapped there, so no user can own anything.
  const place = root.clone(['CLONE_NEWUSER', 'CLONE_NEWNET'])
  try {
    const netlink = SyncNetlink.open(place)
    assert.throws(() => createTun(place, { kind: 'tap', name: 'half', persist: true, owner: 1 }), {
      call: 'ioctl',
      errno: 'EINVAL',
    })
    assert.equal(netlink.find(getLink('half')), undefined)
    const { name, fd } = createTun(place, { kind: 'tap', name: 'whole%d' })
    assert.deepEqual([name, netlink.request(getLink('whole0')).kind, typeof fd], ['whole0', 'tun', 'number'])
    netlink.close()
  } finally {
    place.close()
    root.end()
  }
})

test('events tell what changes, in order, until they are ended', NEEDS, () =>
  inNetwork(async (netlink) => {
    const controller = new AbortController()
    const events = await netlink.events({
      groups: ['RTNLGRP_LINK', 'RTNLGRP_IPV4_IFADDR', 'RTNLGRP_IPV4_ROUTE', 'RTNLGRP_NEIGH', 'RTNLGRP_IPV4_RULE'],
      signal: controller.signal,
    })
    await netlink.links.create({ kind: 'bridge', name: 'br7', up: true })
    await netlink.addresses.add({ dev: 'br7', address: '192.0.2.1/24' })
    await netlink.neighbours.add({ dev: 'br7', to: '192.0.2.9', address: '02:00:00:00:00:09' })
    await netlink.rules.add({ from: '192.0.2.0/24', table: 77 })
    await netlink.links.remove('br7')
    const seen: NetlinkEvent[] = []
    for await (const event of events) {
      seen.push(event)
      if (event.type === 'link' && event.removed) break
    }
    const has = (type: NetlinkEvent['type'], removed: boolean): boolean =>
      seen.some((event) => event.type === type && 'removed' in event && event.removed === removed)
    assert.deepEqual(
      [has('link', false), has('address', false), has('route', false), has('neighbour', false), has('rule', false)],
      [true, true, true, true, true],
    )
    assert.ok(has('address', true) && has('link', true), JSON.stringify(seen))

    const silent = await netlink.events({ groups: ['RTNLGRP_LINK'], signal: controller.signal })
    setTimeout(() => controller.abort(), 50)
    assert.deepEqual(await silent.next(), { done: true, value: undefined })
    await assert.rejects(netlink.events({ groups: ['RTNLGRP_NONE' as never] }), { code: 'E_INPUT' })
    await assert.rejects(netlink.events({ groups: ['RTNLGRP_LINK'], signal: controller.signal }), {
      name: 'AbortError',
    })
  }),
)

test('what there was no room for is told as lost, and the events go on', NEEDS, () =>
  inNetwork(async (netlink) => {
    const { index } = await netlink.links.create({ kind: 'bridge', name: 'br7' })
    const events = await netlink.events({ groups: ['RTNLGRP_LINK'] })
    for (let i = 0; i < 600; i++) await netlink.links.set(index, { txQueueLength: 1 + i })
    let lost = 0
    let last = 0
    for await (const event of events) {
      if (event.type === 'lost') {
        lost++
        await netlink.links.set(index, { txQueueLength: 9999 })
      }
      if (event.type === 'link') last = event.link.txQueueLength
      if (last === 9999) break
    }
    assert.equal(lost, 1)
  }),
)
