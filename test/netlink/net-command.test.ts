import assert from 'node:assert/strict'
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { test } from 'node:test'
import { CARREL } from '../cli/carrel.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { inNetworks, IP, type Network } from './networks.ts'

checkMachine()
const NEEDS = requires({ root: true, program: IP })

/** `carrel net` in the network namespace that plays the host's. */
const net = ({ pid }: Network, ...words: string[]): SpawnSyncReturns<string> =>
  spawnSync('nsenter', ['-t', String(pid), '-n', process.execPath, CARREL, 'net', ...words], {
    encoding: 'utf8',
    timeout: 60_000,
  })

test('X20: carrel net veth connects a process, and carrel net show tells of it', NEEDS, () =>
  inNetworks((host, guest) => {
    const pid = String(guest.pid)
    const made = net(
      host,
      ...['veth', pid, '--host', 'veth0=10.99.88.1/24', '--guest', 'eth0=10.99.88.2/24,fd88::2/64'],
      ...['--mtu', '1400', '--gateway', '10.99.88.1'],
    )
    assert.equal(made.stderr, '')
    assert.equal(made.stdout, `veth0 10.99.88.1/24 - eth0 10.99.88.2/24 fd88::2/64 of ${pid}\n`)
    assert.match(host.ip('address', 'show', 'veth0'), /mtu 1400 [^]*inet 10\.99\.88\.1\/24 brd 10\.99\.88\.255/)
    assert.match(guest.ip('route'), /^default via 10\.99\.88\.1 dev eth0/m)
    assert.match(guest.ip('-6', 'address', 'show', 'eth0'), /fd88::2\/64 scope global nodad/)

    const { stdout: shown, stderr } = net(host, 'show', pid)
    assert.equal(stderr, '')
    assert.match(shown, /^LINK +KIND +STATE +MTU/)
    assert.match(shown, /^eth0 +veth +up +1400 +[0-9a-f:]{17} +10\.99\.88\.2\/24 fd88::2\/64/m)
    assert.match(shown, /^default +10\.99\.88\.1 +eth0$/m)
    const data = JSON.parse(net(host, 'show', '--json').stdout) as { links: { name: string; mtu: number }[] }
    assert.deepEqual(
      data.links.map(({ name, mtu }) => [name, mtu]),
      [
        ['lo', 65536],
        ['veth0', 1400],
      ],
    )

    const second = net(host, 'veth', pid, '--guest', 'eth1', '--bridge', 'br0=10.1.0.1/24')
    assert.equal(second.stdout, `veth1 on br0 - eth1 of ${pid}\n`)
    assert.match(host.ip('link', 'show', 'veth1'), /master br0/)
  }),
)

test('X20: carrel net veth says what is taken or wrong, exits with 125, and leaves nothing', NEEDS, () =>
  inNetworks((host, guest) => {
    const pid = String(guest.pid)
    const cases: readonly (readonly [words: string[], message: RegExp])[] = [
      [['--guest', 'lo'], /^carrel: guest\.name "lo" is taken by a link: choose another name/],
      [
        ['--guest', 'eth0', '--gateway', '192.0.2.1'],
        /^carrel: gateway 192\.0\.2\.1 cannot be .*ENETUNREACH: Nexthop has invalid gateway: give an address/m,
      ],
      [['--guest', 'all'], /^carrel: guest\.name "all" means every link/],
      [
        ['--guest', 'eth0', '--bridge', 'lo'],
        /^carrel: bridge\.name "lo" is a link of another kind \(hardware\): name a/,
      ],
      [['--guest', 'eth0=10.0.0.300/24'], /^carrel: guest\.addresses must be an IPv4 or IPv6 address/],
      [['--guest', 'eth0=10.0.0.1'], /^carrel: .*Addresses have a prefix/],
      [['--guest', 'eth0', '--host', 'v=10.0.0.1/24', '--bridge', 'br0'], /give them to the bridge/],
      [[], /required option '--guest/],
    ]
    for (const [words, message] of cases) {
      const { status, stderr } = net(host, 'veth', pid, ...words)
      assert.deepEqual([status, message.test(stderr)], [125, true], stderr)
    }
    for (const words of [
      ['veth', '999999999', '--guest', 'eth0'],
      ['show', '999999999'],
    ]) {
      const { status, stderr } = net(host, ...words)
      assert.equal(status, 125)
      assert.match(stderr, /^carrel: 999999999 is no process here: give the pid of one that lives$/m)
    }
    assert.equal(host.json('link').length + guest.json('link').length, 2, host.ip('link') + guest.ip('link'))
  }),
)
