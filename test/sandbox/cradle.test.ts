import assert from 'node:assert/strict'
import { readFileSync, readlinkSync, statSync, utimesSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Sandbox, type SandboxOptions } from '../../src/sandbox/index.ts'
import { eventually } from '../support/eventually.ts'

// The law: a sandbox that is born in a cradle is as closed as one that is not, and nothing that two of them share can be changed.

let plain: Sandbox
let first: Sandbox
let second: Sandbox

before(async () => {
  plain = await Sandbox.create()
  first = await born()
  second = await born()
})
after(async () => {
  await Promise.all([plain, first, second].map((box) => box.close()))
})

const field = (box: Sandbox, name: string): string =>
  new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${box.pid}/status`, 'utf8'))?.[1] ?? ''

/** A cradle has a pid namespace of its own, so what is born in it has three pids. */
const isBornInCradle = (box: Sandbox): boolean => field(box, 'NSpid').split('\t').length === 3

/** The cradle is made while the second sandbox is: a few come without it. */
async function born(options: SandboxOptions = {}): Promise<Sandbox> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const box = await Sandbox.create(options)
    if (isBornInCradle(box)) return box
    await box.close()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.fail('no sandbox was born in a cradle')
}

const shell = async (box: Sandbox, script: string): Promise<string> => {
  const { stdout, stderr } = await box.run('sh', ['-c', script])
  return stdout + stderr
}

const namespacesOf = (pid: number | 'self'): string[] =>
  ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'].map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`))

test('X18: a cradle’s sandboxes share no namespace with each other, with the host or with the cradle', async () => {
  assert.equal(isBornInCradle(plain), false)
  const cradle = Number(field(first, 'PPid'))
  assert.equal(Number(field(second, 'PPid')), cradle)
  const networkOf = (pid: number) => readlinkSync(`/proc/${pid}/ns/net`)
  await eventually(
    () => networkOf(cradle) !== networkOf(second.pid as number),
    () => 'the cradle keeps the network that it has given away',
  )
  const all = ['self' as const, cradle, ...[plain, first, second].map((box) => box.pid as number)].map(namespacesOf)
  for (const [kind, name] of namespacesOf('self').entries()) {
    const theirs = all.slice(2).map((each) => each[kind])
    assert.equal(new Set(theirs).size, 3)
    assert.ok(!theirs.includes(name) && !theirs.includes(all[1]?.[kind]), `${name} is shared`)
  }
})

test('A59: what a cradle’s sandbox sees is what any other sees, mount for mount and option for option', async () => {
  const mounts = async (box: Sandbox) => {
    const lines = (await shell(box, 'cat /proc/self/mountinfo')).trim().split('\n')
    assert.ok(lines.every((line) => !/ (shared|master|propagate_from):/.test(line)))
    return lines.map((line) => line.split(' ').slice(3, 6).join(' ')).sort((a, b) => (a < b ? -1 : 1))
  }
  // The cradle's own /proc lies under the sandbox's: without it the kernel would give it none (mount_too_revealing).
  const covered = '/ /proc rw,nosuid,nodev,noexec,relatime'
  const [theirs, usual] = [await mounts(first), await mounts(plain)]
  assert.equal(theirs.filter((mount) => mount === covered).length, 2)
  theirs.splice(theirs.indexOf(covered), 1)
  assert.deepEqual(theirs, usual)
  const names =
    'ls -A / /dev /etc /home /run /tmp /var; cat /etc/passwd /etc/group /etc/resolv.conf; id; pwd; env | sort'
  assert.equal(await shell(first, names), await shell(plain, names))
})

test('X16: nothing that a cradle’s sandboxes share can be written to, and nothing else is shared', async () => {
  const script =
    'for d in / /etc /dev /sys /proc /usr /etc/ssl; do touch $d/x-carrel 2>/dev/null && echo wrote $d; done; true'
  assert.equal(await shell(first, script), '')
  await shell(first, 'for d in /tmp /home/user /dev/shm /var/tmp; do echo mine > $d/x-carrel; done')
  assert.equal(await shell(second, 'ls /tmp /home/user /dev/shm /var/tmp | grep carrel; true'), '')
  assert.notEqual(await shell(first, 'cat /etc/hostname'), await shell(second, 'cat /etc/hostname'))
})

test('X13, X18: a cradle’s sandbox has its own processes, its own lo, no privilege, and ids of its own', async () => {
  assert.match(await shell(first, 'cd /proc; echo [0-9]*'), /^1 \d+\n$/)
  assert.match(await shell(first, 'cat /proc/net/dev'), /^[^:]*lo:[^:]*$/)
  assert.equal(
    await shell(
      first,
      'cat /sys/class/net/lo/flags 2>/dev/null; python3 -c "import socket as s; a=s.socket(); a.bind((\'127.0.0.1\', 0)); a.listen(); s.create_connection(a.getsockname()); print(1)"',
    ),
    '1\n',
  )
  assert.match(await shell(first, 'cat /proc/self/status'), /^CapEff:\t0+$[^]*^NoNewPrivs:\t1$[^]*^Seccomp:\t2$/m)
  const ranges = [first, second].map((box) => readFileSync(`/proc/${box.pid}/uid_map`, 'utf8'))
  assert.notEqual(ranges[0], ranges[1])
  const tries = ['mount -t tmpfs none /tmp', 'umount /proc', 'unshare -m true', 'nsenter -t 1 -m true']
  assert.equal(await shell(first, tries.map((each) => `${each} 2>/dev/null && echo ${each}`).join('; ') + '; true'), '')
})

test('X02: a cradle’s sandbox is in groups of its own, with its limits, from the beginning', async () => {
  assert.ok(readFileSync(`/proc/${first.pid}/cgroup`, 'utf8').includes(first.id))
  const { outcome } = await first.run('python3', ['-c', 'x = "a" * (1 << 31)'])
  assert.equal(outcome, 'oom')
})

test('X20: a cradle’s sandbox on the host’s network is on it, and one that keeps a capability for its network has its own', async () => {
  const other = await born({ net: 'host' })
  assert.equal(readlinkSync(`/proc/${other.pid}/ns/net`), readlinkSync('/proc/self/ns/net'))
  assert.equal(await shell(other, 'cat /etc/resolv.conf'), readFileSync('/etc/resolv.conf', 'utf8'))
  await other.close()
  await using admin = await Sandbox.create({ capabilities: ['NET_BIND_SERVICE'] })
  assert.equal(isBornInCradle(admin), false)
  const bind = 'import socket; socket.socket().bind(("127.0.0.1", 80)); print("bound")'
  assert.equal((await admin.run('python3', ['-c', bind])).stdout, 'bound\n')
})

test('X16: after a change of the host’s /etc a new cradle is made, and sandboxes are born in it again', async () => {
  const { atime, mtime } = statSync('/etc')
  const old = field(first, 'PPid')
  utimesSync('/etc', atime, new Date(mtime.getTime() + 1000))
  try {
    await using stale = await Sandbox.create()
    assert.equal(isBornInCradle(stale), false)
    await using again = await born()
    assert.notEqual(field(again, 'PPid'), old)
  } finally {
    utimesSync('/etc', atime, mtime)
  }
})
