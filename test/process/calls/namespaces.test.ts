import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { Agent } from '../../../src/process/index.ts'
import { checkMachine } from '../../support/machine-check.ts'
import { namespaceOf } from '../../support/proc.ts'
import { inUserNamespace } from '../in-user-namespace.ts'

checkMachine()

test('C75: sethostname() names the host of its UTS namespace only; 64 bytes are the most', async () => {
  await using agent = await Agent.start()
  const child = await inUserNamespace(agent, ['CLONE_NEWUTS'])
  const name = 'n'.repeat(64)
  await child.sys.sethostname(name)
  assert.equal((await child.sys.uname()).nodename, name)
  assert.equal(readFileSync('/proc/sys/kernel/hostname', 'utf8').trim(), hostname())
  await assert.rejects(child.sys.sethostname(`${name}n`), { errno: 'EINVAL' })
})

test('C76: setns() joins a namespace by descriptor; the type is checked, 0 takes any; a pidfd takes several', async () => {
  await using agent = await Agent.start()
  const other = await inUserNamespace(agent, ['CLONE_NEWUTS', 'CLONE_NEWIPC'])
  const joiner = process.getuid?.() === 0 ? await agent.fork() : await other.fork()
  const uts = await joiner.sys.open(`/proc/${other.hostPid}/ns/uts`, ['O_RDONLY', 'O_CLOEXEC'])
  await assert.rejects(joiner.sys.setns(uts, ['CLONE_NEWNET']), { errno: 'EINVAL' })
  await joiner.sys.setns(uts, ['CLONE_NEWUTS'])
  assert.equal(namespaceOf(joiner.hostPid ?? 0, 'uts'), namespaceOf(other.hostPid ?? 0, 'uts'))
  await joiner.sys.setns(uts, 0)
  const pidfd = await joiner.sys.pidfd_open(other.hostPid ?? 0, [])
  await joiner.sys.setns(pidfd, ['CLONE_NEWUTS', 'CLONE_NEWIPC'])
  assert.equal(namespaceOf(joiner.hostPid ?? 0, 'ipc'), namespaceOf(other.hostPid ?? 0, 'ipc'))
})

test('C95: unshare() leaves namespaces for new ones, and only those that its flags name', async () => {
  await using agent = await Agent.start()
  const child = await inUserNamespace(agent)
  const before = ['uts', 'net', 'ipc', 'mnt'].map((name) => namespaceOf(child.hostPid ?? 0, name))
  await child.sys.unshare(['CLONE_NEWUTS', 'CLONE_NEWNET'])
  const now = ['uts', 'net', 'ipc', 'mnt'].map((name) => namespaceOf(child.hostPid ?? 0, name))
  assert.deepEqual(
    now.map((name, index) => name === before[index]),
    [false, false, true, true],
  )
  // A new network namespace has nothing but a loopback interface that is down.
  assert.equal((await child.readdir('/proc/thread-self/net')).length > 0, true)
  const dev = await child.sys.open('/proc/thread-self/net/dev', ['O_RDONLY', 'O_CLOEXEC'])
  const interfaces = new TextDecoder().decode(await child.sys.read(dev, 65_536)).match(/^\s*\w+:/gm)
  assert.deepEqual(
    interfaces?.map((name) => name.trim()),
    ['lo:'],
  )
  await assert.rejects(child.sys.unshare(0x8000_0000_0000n), { errno: 'EINVAL' })
})
