import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { useOci } from '../support/oci.ts'
import { isAlive } from '../support/proc.ts'
import { REPOSITORY } from '../support/repository.ts'
import { requires } from '../support/requires.ts'
import { Place, Room } from './network-room.ts'
import { NsinitDirectory } from './nsinit-directory.ts'

// `carrel nsinit` with a network namespace of the test's own as its host.

const NEEDS = requires({ root: true })
useOci()

type Json = Readonly<Record<string, unknown>>

/** A configuration of 2014, but for the name of its group. */
function example(name: string): Json {
  const text = readFileSync(join(REPOSITORY, 'examples/nsinit', name), 'utf8')
  const { cgroups: _, ...rest } = JSON.parse(text) as Json
  return rest
}

/** Waits until the container of a directory has said that it started; its namespace as others see it. */
async function live(room: Room, one: NsinitDirectory, script = 'sleep 1000'): Promise<Place> {
  const child = room.start(one.path, ['exec', 'sh', '-c', `echo started; ${script}`])
  let text = ''
  child.stdout?.on('data', (bytes: Buffer) => (text += bytes.toString()))
  child.stderr?.on('data', (bytes: Buffer) => (text += bytes.toString()))
  await eventually(
    () => /^started$/m.test(text),
    () => `start of ${one.path}: ${text}`,
  )
  return new Place(one.pid)
}

/** Ends the first process, and waits until the command has cleaned up. */
async function end(one: NsinitDirectory): Promise<void> {
  process.kill(one.pid, 'SIGKILL')
  await eventually(
    () => one.stored === undefined && !one.has('pid'),
    () => `${one.path} is left`,
  )
}

const veth = (changes: Json = {}): Json => ({ type: 'veth', bridge: 'br0', create_bridge: true, ...changes })
const FOUR = { address: '10.9.0.2/24', gateway: '10.9.0.1' }

test('L20, L55: the sample attach_to_bridge.json runs whole, and leaves nothing', NEEDS, async () => {
  const room = await Room.open()
  const one = new NsinitDirectory(example('attach_to_bridge.json'))
  const { status, stdout, stderr } = room.nsinit(one.path, [
    ...['exec', 'sh', '-c'],
    'ping -c 1 -W 2 172.17.42.1 >/dev/null && ip -o address show eth0 && ip route && cat /proc/net/dev',
  ])
  assert.equal(status, 0, stderr)
  assert.match(stdout, /inet 172\.17\.0\.101\/16 brd 172\.17\.255\.255 scope global eth0/)
  assert.match(stdout, /default via 172\.17\.42\.1 dev eth0/)
  assert.match(stdout, /^ *lo: /m)
  assert.deepEqual([room.names(), one.has('state.json'), one.stored, one.groups], [[], false, undefined, []])
})

test(
  'L20, L55, L31: route_source_address_selection.json runs whole; state.json names the interface on the host',
  NEEDS,
  async () => {
    const room = await Room.open()
    const one = new NsinitDirectory(example('route_source_address_selection.json'))
    const box = await live(room, one)
    const [route] = JSON.parse(box.ip('-j', 'route', 'get', '198.51.100.9')) as Json[]
    assert.deepEqual([route?.['gateway'], route?.['prefsrc'], route?.['dev']], ['172.17.42.1', '172.17.0.101', 'eth0'])
    const { network_state: state } = JSON.parse(readFileSync(one.file('state.json'), 'utf8')) as {
      network_state: { veth_host: string; veth_child: string }
    }
    assert.deepEqual([state.veth_host, state.veth_child], ['veth0', 'eth0'])
    assert.equal(room.link(state.veth_host).master, 'docker0')
    await end(one)
    assert.deepEqual(room.names(), [])
  },
)

test('L55: two containers on one bridge talk to each other, whoever asked for the bridge', NEEDS, async () => {
  const room = await Room.open()
  const six = { ipv6_address: 'fd00:9::2/64', ipv6_gateway: 'fd00:9::1' }
  const one = new NsinitDirectory({ networks: [{ type: 'loopback' }, veth({ ...FOUR, ...six })] })
  const two = new NsinitDirectory({
    networks: [veth({ ...FOUR, ...six, address: '10.9.0.3/24', ipv6_address: 'fd00:9::3/64' })],
  })
  await live(room, one, 'echo from the first | nc -l -p 7000; echo again | nc -l -p 7001; sleep 1000')
  const ask = (address: string, port: string) =>
    room.nsinit(two.path, ['exec', 'sh', '-c', `until nc ${address} ${port} </dev/null; do usleep 10000; done`]).stdout
  assert.deepEqual([ask('10.9.0.2', '7000'), ask('fd00:9::2', '7001')], ['from the first\n', 'again\n'])
  assert.deepEqual(room.names(), ['br0', 'veth0'])
  await end(one)
  assert.deepEqual(room.names(), [])
})

test('L55: a process that joins is in the network of the first one', NEEDS, async () => {
  const room = await Room.open()
  const one = new NsinitDirectory({ networks: [veth(FOUR)] })
  await live(room, one)
  const { stdout, stderr } = room.nsinit(one.path, ['exec', 'ip', '-o', 'address', 'show', 'eth0'])
  assert.match(stdout, /inet 10\.9\.0\.2\/24/, stderr)
  assert.deepEqual(room.names(), ['br0', 'veth0'])
  await end(one)
})

test(
  'D-L11, X20, L31: a network that cannot be leaves no interface, no bridge, no group, no state',
  NEEDS,
  async () => {
    const room = await Room.open()
    const wrong = veth({ address: '10.9.1.2/24', gateway: '10.9.1.1', bridge: 'none', create_bridge: false })
    const one = new NsinitDirectory({ networks: [{ type: 'loopback' }, veth(FOUR), wrong] })
    const { status, stdout, stderr } = room.nsinit(one.path, ['exec', 'echo', 'executed'])
    assert.deepEqual([status, stdout], [125, ''])
    assert.match(stderr, /\/networks\/2\/bridge names no interface of the host, "none".*create_bridge/)
    assert.deepEqual([room.names(), one.has('pid'), one.stored, one.groups], [[], false, undefined, []])
  },
)

test('D-L11, X20: a command that there is not leaves nothing of the networks', NEEDS, async () => {
  const room = await Room.open()
  const one = new NsinitDirectory({ networks: [veth(FOUR)] })
  const { status, stderr } = room.nsinit(one.path, ['exec', 'no-such-command'])
  assert.deepEqual([status, room.names(), one.has('pid'), one.stored], [127, [], false, undefined], stderr)
})

test(
  'L55, X20: containers that start and end at once share a bridge that is made and removed once',
  NEEDS,
  async () => {
    const room = await Room.open()
    const all = [2, 3, 4].map((n) => new NsinitDirectory({ networks: [veth({ ...FOUR, address: `10.9.0.${n}/24` })] }))
    await Promise.all(all.map((one) => live(room, one)))
    assert.deepEqual([...room.names()].sort(), ['br0', 'veth0', 'veth1', 'veth2'])
    assert.deepEqual(room.addresses('br0'), ['10.9.0.1/24'])
    await Promise.all(all.map(end))
    assert.deepEqual(room.names(), [])
  },
)

test('L55: an unknown type of network is an error, and so is a namespace that is none', NEEDS, async () => {
  const room = await Room.open()
  const said = (networks: readonly Json[], changes: Json = {}): string => {
    const one = new NsinitDirectory({ networks, ...changes })
    const { status, stderr } = room.nsinit(one.path, ['exec', 'true'])
    assert.deepEqual([status, one.stored], [125, undefined], stderr)
    return stderr
  }
  assert.match(said([{ type: 'tunnel' }]), /\/networks\/0\/type .*loopback.*veth.*netns.*tunnel/)
  const withoutNet = { namespaces: { NEWNS: true, NEWPID: true }, hostname: '' }
  assert.match(
    said([{ type: 'netns', ns_path: '/proc/self/ns/mnt' }], withoutNet),
    /\/networks\/0\/ns_path .*no network namespace/,
  )
})

test('L55: a network of type netns is that of others, whose interfaces stay', NEEDS, async () => {
  const room = await Room.open()
  const other = room.container()
  other.ip('link', 'add', 'mine0', 'type', 'bridge')
  const one = new NsinitDirectory({
    ...{ namespaces: { NEWNS: true, NEWPID: true }, hostname: '' },
    networks: [{ type: 'netns', ns_path: `/proc/${other.pid}/ns/net` }],
  })
  const { status, stdout, stderr } = room.nsinit(one.path, ['exec', 'cat', '/proc/net/dev'])
  assert.equal(status, 0, stderr)
  assert.match(stdout, /mine0:/)
  assert.deepEqual(other.names(), ['mine0'])
})

test(
  'L06, D-L11: SIGKILL of nsinit takes the interface along; the next start removes the bridge that was left',
  NEEDS,
  async () => {
    const room = await Room.open()
    const one = new NsinitDirectory({ networks: [veth(FOUR)] })
    const child = room.start(one.path, ['exec', 'sleep', '1000'])
    await eventually(
      () => one.has('pid'),
      () => 'pid',
    )
    const { pid } = one
    child.kill('SIGKILL')
    await eventually(
      () => !isAlive(pid) && !room.names().includes('veth0'),
      () => `${room.names().join()}`,
    )
    const { status, stderr } = room.nsinit(one.path, ['exec', 'true'])
    assert.deepEqual([status, room.names()], [0, []], stderr)
  },
)

test('D-L07: /sys is read-only in a container that shares the network, and writable outside of it', NEEDS, () => {
  const superOptions = (): string =>
    /^.* \/sys .* - sysfs \S+ (\S+)$/m.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1] ?? ''
  const before = superOptions()
  const one = new NsinitDirectory({ namespaces: { NEWNS: true, NEWPID: true, NEWUTS: true, NEWIPC: true } })
  const { status, stdout, stderr } = one.exec('cat', '/proc/self/mountinfo')
  assert.equal(status, 0, stderr)
  const [, options = ''] = /^\S+ \S+ \S+ \S+ \/sys (\S+) .*- sysfs /m.exec(stdout) ?? []
  assert.ok(options.split(',').includes('ro'), stdout)
  assert.deepEqual([before.split(',')[0], superOptions()], ['rw', before])
})
