// Shows: two network namespaces joined by a bridge and two pairs of links, without ip(8); then a datagram through it, and what the kernel says.
import assert from 'node:assert/strict'
import { Agent, SyscallError } from 'carrel/process'
import { Netlink } from 'carrel/netlink'

if (process.getuid?.() !== 0) {
  console.log('needs root, for network namespaces without a user namespace')
  process.exit(0)
}
await using root = await Agent.start()
// Plays the host, so that nothing of this one is touched.
const host = await root.clone(['CLONE_NEWNET'])
await using netlink = await Netlink.open(host)
await netlink.links.create({ kind: 'bridge', name: 'br0', stp: false, up: true })
await netlink.addresses.add({ dev: 'br0', address: '10.9.0.1/24' })

const guests: Agent[] = []
for (const number of [2, 3]) {
  const guest = await host.clone(['CLONE_NEWNET'])
  // The other end comes into being where it belongs, under its name.
  const peer = { name: 'eth0', netns: { pid: guest.pid } }
  const link = await netlink.links.create({ kind: 'veth', name: `guest${number}`, master: 'br0', up: true, peer })
  console.log(`${link.name} is number ${link.index}, a port of number ${link.master}`)

  await using inside = await Netlink.open(host, { namespace: { pid: guest.pid } })
  await inside.addresses.add({ dev: 'eth0', address: `10.9.0.${number}/24`, broadcast: 'auto' })
  await inside.links.set('eth0', { up: true })
  await inside.routes.add({ to: 'default', via: '10.9.0.1' })
  const wrong = inside.routes.add({ to: '192.0.2.0/24', via: '10.10.0.1' })
  const error: unknown = await wrong.catch((thrown: unknown) => thrown)
  assert.ok(error instanceof SyscallError)
  console.log(error.message)
  assert.match(error.message, /ENETUNREACH: Nexthop has invalid gateway/)
  guests.push(guest)
}

const [first, second] = guests as [Agent, Agent]
const listening = await second.sys.socket('AF_INET', ['SOCK_DGRAM', 'SOCK_CLOEXEC'], 0)
await second.sys.bind(listening, { address: '10.9.0.3', port: 9 })
const sending = await first.sys.socket('AF_INET', ['SOCK_DGRAM', 'SOCK_CLOEXEC'], 0)
await first.sys.sendto(sending, 'hello', [], { address: '10.9.0.3', port: 9 })
const datagram = await second.sys.recvfrom(listening, 100, [], { timeoutMs: 10_000 })
console.log(`10.9.0.3 was told ${new TextDecoder().decode(datagram)}`)

const { statistics } = await netlink.links.get('guest3')
console.log(`by ${statistics?.txPackets} packets through its port`)
assert.ok((statistics?.txPackets ?? 0) > 0)
