import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SyncAgent } from '../../src/kernel/agent.ts'
import { nodeKernel } from '../../src/kernel/node.ts'
import { SyncNetlink } from '../../src/kernel/sync-netlink.ts'
import { addAddress, addRoute, createLink, getLink, setLink } from '../../src/linux/netlink/index.ts'
import { program } from '../../src/program/builder.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { IP, ipIn } from './networks.ts'

checkMachine()
const USER = 65534

test(
  'an ordinary user has all of it in a network namespace of his user namespace',
  requires({ root: true, program: IP }),
  async () => {
    const root = SyncAgent.start(nodeKernel())
    const user = root.fork()
    try {
      const drop = program()
      drop.setgroups([])
      drop.setresgid(USER, USER, USER)
      drop.setresuid(USER, USER, USER)
      // As after an exec: else /proc/PID of the child belongs to root (proc(5), "dumpable").
      drop.prctl('PR_SET_DUMPABLE', 1, 0, 0, 0)
      user.run(drop)
      const place = user.clone(['CLONE_NEWUSER', 'CLONE_NEWNET'])
      const inner = place.clone(['CLONE_NEWNET'])
      const netlink = SyncNetlink.open(place)
      // From outside the user namespace: it must be joined first.
      const guest = SyncNetlink.open(user, { namespace: { pid: inner.pid as number } })
      netlink.request(
        createLink({ kind: 'veth', name: 'v0', up: true, peer: { name: 'eth0', netns: { pid: inner.pid as number } } }),
      )
      guest.request(setLink('eth0', { up: true }))
      guest.request(addAddress({ dev: 'eth0', address: '10.0.0.2/24' }))
      guest.request(addRoute({ to: 'default', via: '10.0.0.1' }))
      assert.match(ipIn(inner.pid as number, ['route']), /default via 10\.0\.0\.1 dev eth0/)
      assert.equal(guest.request(getLink('eth0')).state, 'up')
      assert.throws(() => SyncNetlink.open(user).request(createLink({ kind: 'bridge', name: 'br0' })), {
        errno: 'EPERM',
      })
      guest.close()
      netlink.close()
      inner.close()
      place.close()
    } finally {
      user.close()
      root.end()
    }
  },
)
