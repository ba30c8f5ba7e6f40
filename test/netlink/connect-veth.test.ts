import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { connectVeth, Netlink } from '../../src/netlink/index.ts'
import { Agent } from '../../src/process/agent.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { IP, ipIn } from './networks.ts'

checkMachine()
const NEEDS = requires({ root: true, program: IP })

interface Place {
  readonly host: Agent
  readonly guest: Agent
  readonly pid: number
  readonly ip: (agent: Agent, ...args: string[]) => string
}

/** A network that plays the host's, and that of a process in it. */
async function inPlace(look: (place: Place) => Promise<void>): Promise<void> {
  await using root = await Agent.start()
  const host = await root.clone(['CLONE_NEWNET'])
  const guest = await host.clone(['CLONE_NEWNET'])
  const pid = guest.hostPid as number
  await look({ host, guest, pid, ip: (agent, ...args) => ipIn(agent.hostPid as number, args) })
}

/** Whether a datagram reaches an address, and an answer comes back, from the network of an agent. */
async function reaches(from: Agent, to: Agent, address: string): Promise<boolean> {
  const node = (agent: Agent, script: string) =>
    promisify(execFile)('nsenter', [
      '-t',
      String(agent.hostPid),
      '-n',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ])
  const family = address.includes(':') ? 'udp6' : 'udp4'
  const server = `import d from 'node:dgram'; const s = d.createSocket('${family}');
    s.on('message', (m, r) => s.send('back ' + m, r.port, r.address, () => s.close())); s.bind(9999, '${address}');
    setTimeout(() => process.exit(3), 20_000).unref()`
  const client = `import d from 'node:dgram'; const s = d.createSocket('${family}');
    const t = setInterval(() => s.send('there', 9999, '${address}', () => {}), 50);
    s.on('error', () => {}); s.on('message', (m) => { process.stdout.write(m); clearInterval(t); s.close() });
    setTimeout(() => process.exit(4), 20_000).unref()`
  const serving = node(to, server)
  const { stdout } = await node(from, client)
  await serving
  return stdout === 'back there'
}

test('X20: a pair between two networks carries packets of both families, with mtu and default route', NEEDS, () =>
  inPlace(async ({ host, guest, pid, ip }) => {
    const pair = await connectVeth(host, {
      pid,
      host: { name: 'cnt', addresses: ['10.99.88.1/24', 'fd88::1/64'] },
      guest: { name: 'eth0', addresses: ['10.99.88.2/24', 'fd88::2/64'] },
      mtu: 1400,
      gateway: '10.99.88.1',
    })
    assert.deepEqual([pair.host.name, pair.guest.name, pair.guest.mtu, pair.host.up], ['cnt', 'eth0', 1400, true])
    assert.match(ip(guest, 'route'), /^default via 10\.99\.88\.1 dev eth0/m)
    assert.match(ip(guest, 'link', 'show', 'lo'), /\bUP\b/)
    assert.ok(await reaches(host, guest, '10.99.88.2'))
    assert.ok(await reaches(guest, host, 'fd88::1'))
  }),
)

test('X20: names are counted, and taken by somebody else are counted on', NEEDS, () =>
  inPlace(async ({ host, pid, ip }) => {
    for (const name of ['veth0', 'veth1', 'veth3']) ip(host, 'link', 'add', name, 'type', 'bridge')
    const names: string[] = []
    for (let i = 0; i < 3; i++) names.push((await connectVeth(host, { pid, guest: { name: `eth${i}` } })).host.name)
    assert.deepEqual(names, ['veth2', 'veth4', 'veth5'])
    // Several at once see the same free name: the kernel lets one have it, the others take the next.
    const many = await Promise.all(
      Array.from({ length: 5 }, (_, i) => connectVeth(host, { pid, guest: { name: `many${i}` } })),
    )
    assert.equal(new Set(many.map((pair) => pair.host.name)).size, 5)
  }),
)

test('X20: a name that is taken is said, on either side, and nothing is made', NEEDS, () =>
  inPlace(async ({ host, guest, pid, ip }) => {
    ip(host, 'link', 'add', 'mine', 'type', 'bridge')
    ip(guest, 'link', 'add', 'theirs', 'type', 'bridge')
    const before = [ip(host, 'link'), ip(guest, 'link')]
    await assert.rejects(connectVeth(host, { pid, host: { name: 'mine' }, guest: { name: 'eth0' } }), {
      code: 'E_INPUT',
      field: 'host.name',
      message: /"mine" is taken by a bridge: choose another name/,
    })
    await assert.rejects(connectVeth(host, { pid, guest: { name: 'theirs' } }), { field: 'guest.name' })
    await assert.rejects(connectVeth(host, { pid, guest: { name: 'a/b' } }), { field: 'guest.name' })
    await assert.rejects(connectVeth(host, { pid: host.hostPid as number, guest: { name: 'e' } }), { code: 'E_STATE' })
    assert.deepEqual([ip(host, 'link'), ip(guest, 'link')], before)
  }),
)

test('X20: what fails late leaves no link and no bridge behind, in neither network', NEEDS, () =>
  inPlace(async ({ host, guest, pid, ip }) => {
    const options = {
      pid,
      guest: { name: 'eth0', addresses: ['10.0.0.2/24'] },
      bridge: { name: 'br0' },
      gateway: '192.0.2.1',
    }
    assert.match(ip(guest, 'link', 'show', 'lo'), /state DOWN/)
    await assert.rejects(connectVeth(host, options), {
      field: 'gateway',
      message: /ENETUNREACH: Nexthop has invalid gateway: give/,
    })
    assert.doesNotMatch(ip(host, 'link'), /veth|br0/)
    assert.doesNotMatch(ip(guest, 'link'), /eth0/)
    assert.match(ip(guest, 'link', 'show', 'lo'), /state DOWN/)
  }),
)

test('a bridge is made when there is none, used when there is one, and refused when it is none', NEEDS, () =>
  inPlace(async ({ host, guest, pid, ip }) => {
    const bridge = { name: 'br0', addresses: ['10.1.0.1/24'] }
    await connectVeth(host, { pid, guest: { name: 'eth0', addresses: ['10.1.0.2/24'] }, bridge })
    await connectVeth(host, { pid, guest: { name: 'eth1' }, bridge })
    assert.equal(ip(host, '-br', 'link', 'show', 'master', 'br0').trim().split('\n').length, 2)
    assert.ok(await reaches(guest, host, '10.1.0.1'))
    await assert.rejects(connectVeth(host, { pid, guest: { name: 'eth2' }, bridge: { name: 'lo' } }), {
      field: 'bridge.name',
    })
  }),
)

test('X20: a bridge that was there keeps the addresses it had, and those alone, when what follows fails', NEEDS, () =>
  inPlace(async ({ host, pid, ip }) => {
    const addresses = ['10.1.0.1/24', 'FD00:0:0::1/64']
    await connectVeth(host, { pid, guest: { name: 'eth0' }, bridge: { name: 'br0', addresses } })
    const shown = () => ip(host, '-br', 'address', 'show', 'dev', 'br0').split(/\s+/).slice(2).sort()
    const before = shown()
    const more = { name: 'br0', addresses: [...addresses, '10.2.0.1/24', 'fd01::1/64'] }
    const options = { pid, guest: { name: 'eth1' }, bridge: more }
    await assert.rejects(connectVeth(host, { ...options, gateway: '192.0.2.1' }), { field: 'gateway' })
    assert.deepEqual(shown(), before)
    ip(host, 'link', 'set', 'br0', 'down')
    await assert.rejects(connectVeth(host, { ...options, gateway: '192.0.2.1' }), { field: 'gateway' })
    assert.doesNotMatch(ip(host, 'link', 'show', 'br0'), /[<,]UP[,>]/)
    await connectVeth(host, options)
    assert.match(ip(host, 'link', 'show', 'br0'), /[<,]UP[,>]/)
    assert.ok(shown().includes('fd01::1/64'))
  }),
)

test('requests at once are carried out in order, and a closed door says so', NEEDS, () =>
  inPlace(async ({ host }) => {
    const netlink = await Netlink.open(host)
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, i) => netlink.links.create({ kind: 'bridge', name: `b${i}` })),
    )
    assert.deepEqual(
      made.map((link) => link.index),
      made.map((_, i) => (made[0]?.index ?? 0) + i),
    )
    const [links, failed] = await Promise.allSettled([netlink.links.list(), netlink.links.get('none')])
    assert.equal(links.status === 'fulfilled' && links.value.length, 21)
    assert.equal(failed.status, 'rejected')
    await netlink.close()
    await assert.rejects(netlink.links.list(), { code: 'E_STATE' })
  }),
)
