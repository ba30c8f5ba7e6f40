import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { moveNetDevices } from '../../src/bundle/host-control/net-devices.ts'
import { SyncAgent } from '../../src/kernel/agent.ts'
import { currentKernel } from '../../src/kernel/current.ts'
import type { Program } from '../../src/program/builder.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'

checkMachine()
const IP = requires({ root: true, program: '/usr/sbin/ip' })

/** Two network namespaces: `host` stands in for the runtime's, `container` for a container's; `ip` shows one of them. */
async function namespaces(
  look: (two: { host: SyncAgent; container: SyncAgent; ip: typeof ip }) => void,
): Promise<void> {
  const root = SyncAgent.start(await currentKernel())
  const host = root.clone(['CLONE_NEWNET'])
  const container = root.clone(['CLONE_NEWNET'])
  try {
    look({ host, container, ip })
  } finally {
    host.close()
    container.close()
    root.end()
  }
}

const ip = (agent: SyncAgent, ...args: string[]): string =>
  execFileSync('nsenter', ['-t', String(agent.pid), '-n', 'ip', ...args], { encoding: 'utf8' })

const run = (agent: SyncAgent) => (p: Program) => agent.run(p)
const move = (devices: Record<string, { name?: string }>, host: SyncAgent, container: SyncAgent): void =>
  moveNetDevices(devices, run(host), run(container), container.pid as number)

test('an interface is moved under its new name, with its permanent global addresses, and is up', IP, () =>
  namespaces(({ host, container }) => {
    ip(host, 'link', 'add', 'nd0', 'type', 'veth', 'peer', 'name', 'other')
    ip(host, 'link', 'set', 'nd0', 'mtu', '1400', 'address', '02:00:00:00:12:34')
    ip(host, 'address', 'add', '192.0.2.7/25', 'broadcast', '192.0.2.127', 'dev', 'nd0')
    ip(host, 'address', 'add', '2001:db8::7/64', 'dev', 'nd0', 'nodad')
    ip(host, 'address', 'add', '198.51.100.1/32', 'dev', 'nd0', 'scope', 'link')
    ip(host, 'address', 'add', '2001:db8::8/64', 'dev', 'nd0', 'nodad', 'valid_lft', '100', 'preferred_lft', '100')
    ip(host, 'link', 'set', 'other', 'up')
    ip(host, 'link', 'set', 'nd0', 'up')
    move({ nd0: { name: 'eth9' } }, host, container)
    const seen = ip(container, 'address', 'show', 'dev', 'eth9')
    assert.match(seen, /<[^>]*\bUP\b.* mtu 1400 /)
    assert.match(seen, /link\/ether 02:00:00:00:12:34/)
    assert.match(seen, /inet 192\.0\.2\.7\/25 brd 192\.0\.2\.127 scope global/)
    assert.match(seen, /inet6 2001:db8::7\/64 scope global/)
    assert.doesNotMatch(seen, /198\.51|2001:db8::8/)
    assert.doesNotMatch(ip(host, '-br', 'link'), /nd0|eth9/)
  }),
)

test('a name may be a template, and is the host’s when none is given', IP, () =>
  namespaces(({ host, container }) => {
    for (const name of ['nd0', 'nd1', 'nd2']) ip(host, 'link', 'add', name, 'type', 'veth', 'peer', 'name', `p${name}`)
    move({ nd0: { name: 'net%d' }, nd1: { name: 'net%d' }, nd2: {} }, host, container)
    const names = ip(container, '-br', 'link')
    for (const name of ['net0', 'net1', 'nd2']) assert.match(names, new RegExp(`^${name}[@ ].*`, 'm'))
  }),
)

test('an interface that is not there, and a name that is taken, are refused before anything is moved', IP, () =>
  namespaces(({ host, container }) => {
    assert.throws(() => move({ nd0: {} }, host, container), { code: 'E_INPUT', field: '/linux/netDevices/nd0' })
    ip(host, 'link', 'add', 'nd0', 'type', 'veth', 'peer', 'name', 'other')
    assert.throws(() => move({ nd0: { name: 'lo' } }, host, container), { field: '/linux/netDevices/nd0/name' })
    assert.match(ip(host, '-br', 'link'), /^nd0@/m)
  }),
)
