import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { descendants, namespaceOf, type Seen, seen, statusField, survivors } from '../support/proc.ts'
import { requires } from '../support/requires.ts'
import { Peer, type Server, startServer, stopServer } from './peer.ts'

checkMachine()

const NEEDS = requires({ root: true, program: '/bin/busybox' })

/** The shells of a server: PID 1 of namespaces of their own. */
const shellsOf = ({ pid }: Server): readonly Seen[] =>
  descendants(pid).filter((each) => each.name === 'sh' && statusField(each.pid, 'NSpid').endsWith('\t1'))

/** Which agent of the server a process is below of. */
function agentOf(server: Server, pid: number): number {
  const parent = seen(pid)?.parent ?? 0
  return parent === server.pid ? pid : agentOf(server, parent)
}

test(
  'E03: each connection has an agent, namespaces and a shell of its own, and a /proc that nothing can be started from',
  NEEDS,
  async () => {
    const server = await startServer('examples/12-tcp-shell.ts')
    try {
      const [one, other] = await Promise.all([Peer.connect(server), Peer.connect(server)])
      assert.equal(await one.ask('echo "$$ $HOME"; id -u'), '1 /\n65534')
      assert.equal(await other.ask('echo /*'), '/bin /proc')
      const shells = shellsOf(server)
      assert.equal(shells.length, 2)
      const [a = 0, b = 0] = shells.map(({ pid }) => pid)
      for (const kind of ['ipc', 'net', 'mnt', 'pid', 'uts']) {
        assert.notEqual(namespaceOf(a, kind), namespaceOf(b, kind), kind)
        assert.notEqual(namespaceOf(a, kind), namespaceOf('self', kind), kind)
      }
      assert.notEqual(agentOf(server, a), agentOf(server, b))
      for (const pid of [a, b]) {
        assert.match(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'), / \/proc rw,nosuid,nodev,noexec\b/)
        assert.match(readFileSync(`/proc/${pid}/environ`, 'utf8'), /(^|\0)HOME=\/\0/)
        assert.equal(statusField(pid, 'Uid'), '65534\t65534\t65534\t65534')
        assert.equal(statusField(pid, 'Groups'), '')
      }
      one.vanish()
      other.vanish()
    } finally {
      await stopServer(server)
    }
  },
)

test('E03: a client that goes away takes its shell and all that it started with it', NEEDS, async () => {
  const server = await startServer('examples/12-tcp-shell.ts')
  try {
    const [one, other] = await Promise.all([Peer.connect(server), Peer.connect(server)])
    await Promise.all([one.ask('true'), other.ask('true')])
    one.socket.write('sleep 1000 | sleep 1000\n')
    const left = await eventually(
      () => {
        const sleepers = descendants(server.pid).filter(({ name }) => name === 'sleep')
        return sleepers.length === 2 && sleepers
      },
      () => 'two sleep',
    )
    one.vanish()
    await eventually(
      () => survivors(left).length === 0,
      () => `${survivors(left).length} of them still sleep`,
    )
    assert.equal(await other.ask('echo here'), 'here')
    other.vanish()
    await eventually(
      () => descendants(server.pid).filter(({ name }) => name === 'sh' || name.startsWith('carrel')).length === 0,
      () => 'nothing is left below the server',
    )
  } finally {
    await stopServer(server)
  }
})
