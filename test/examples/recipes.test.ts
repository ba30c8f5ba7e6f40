import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { memory } from '../../src/linux/memory.ts'
import { Agent } from '../../src/process/agent.ts'
import { program } from '../../src/program/builder.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { type Script, startScript } from '../support/node-script.ts'
import { descendants, namespaceOf, seen, statusField } from '../support/proc.ts'
import { requires } from '../support/requires.ts'

checkMachine()

const ROOT = requires({ root: true })

const mountsOf = (pid: number): readonly string[] => readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trim().split('\n')

/** The line of a mount point, by its path as the process sees it. */
const mountAt = (pid: number, path: string): string | undefined =>
  mountsOf(pid).find((line) => line.split(' ')[4] === path)

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-test-'))
  try {
    await use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test(
  'A59: on a host whose mounts are shared, what is mounted after MS_PRIVATE stays inside, and only then',
  ROOT,
  async () => {
    await inFolder(async (folder) => {
      await using root = await Agent.start()
      // A host with systemd, in a mount namespace: everything is shared.
      const host = await root.clone(['CLONE_NEWNS'])
      await host.sys.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
      await host.sys.mount(folder, folder, null, ['MS_BIND'], null)
      await host.sys.mount('none', folder, null, ['MS_SHARED'], null)
      const before = mountsOf(host.pid)
      const container = await host.clone(['CLONE_NEWNS'])
      await container.sys.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
      await container.sys.mount('tmpfs', folder, 'tmpfs', [], null)
      assert.equal(mountsOf(container.pid).length, before.length + 1)
      assert.deepEqual(mountsOf(host.pid), before)
      const careless = await host.clone(['CLONE_NEWNS'])
      await careless.sys.mount('tmpfs', folder, 'tmpfs', [], null)
      assert.equal(mountsOf(host.pid).length, before.length + 1)
    })
  },
)

test(
  'A60: a bind mount is read-only and without set-uid after a second call that names MS_BIND again, not after one',
  ROOT,
  async () => {
    await inFolder(async (folder) => {
      mkdirSync(join(folder, 'data'))
      await using root = await Agent.start()
      const child = await root.clone(['CLONE_NEWNS'])
      await child.sys.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
      const data = join(folder, 'data')
      const open = () => child.sys.openat('AT_FDCWD', join(data, 'file'), ['O_WRONLY', 'O_CREAT', 'O_CLOEXEC'], 0o600)
      await child.sys.mount(data, data, null, ['MS_BIND', 'MS_RDONLY', 'MS_NOSUID'], null)
      assert.match(mountAt(child.pid, data) ?? '', / rw,/)
      await child.sys.close(await open())
      await child.sys.mount('none', data, null, ['MS_REMOUNT', 'MS_BIND', 'MS_RDONLY', 'MS_NOSUID'], null)
      assert.match(mountAt(child.pid, data) ?? '', / ro,nosuid/)
      await assert.rejects(open(), { errno: 'EROFS' })
      writeFileSync(join(data, 'file'), 'the host still writes')
    })
  },
)

test(
  'E07: after pivot_root nothing of the old root is mounted, nor reached by leaving the new one upwards',
  ROOT,
  async () => {
    await inFolder(async (folder) => {
      mkdirSync(join(folder, 'inside'))
      const hosts = mountsOf(process.pid)
      await using root = await Agent.start()
      const child = await root.clone(['CLONE_NEWNS'])
      const p = program()
      p.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
      p.mount(folder, folder, null, ['MS_BIND', 'MS_REC'], null)
      p.chdir(folder)
      p.pivot_root('.', '.')
      p.umount2('.', ['MNT_DETACH'])
      await child.run(p)
      assert.equal(mountsOf(child.pid).length, 1)
      assert.equal(mountAt(child.pid, '/')?.split(' ')[3], folder)
      // The way out of a chroot: another chroot below, and up from a directory that is then outside.
      await child.sys.chroot('/inside')
      await child.sys.chdir('../../../..')
      await child.sys.chroot('.')
      assert.deepEqual(readdirSync(`/proc/${child.pid}/root/`), ['inside'])
      assert.deepEqual(mountsOf(process.pid).length, hosts.length)
    })
  },
)

test('E08, X04: a process joins the namespaces of another by its /proc files, and by its pidfd', ROOT, async () => {
  await using root = await Agent.start()
  const kinds = ['uts', 'ipc', 'net', 'mnt'] as const
  const flags = ['CLONE_NEWUTS', 'CLONE_NEWIPC', 'CLONE_NEWNET', 'CLONE_NEWNS'] as const
  const other = await root.clone(flags)
  const spaces = (pid: number) => kinds.map((kind) => namespaceOf(pid, kind))
  const byName = await root.fork()
  for (const [index, kind] of kinds.entries()) {
    const fd = await byName.sys.openat('AT_FDCWD', `/proc/${other.pid}/ns/${kind}`, ['O_RDONLY', 'O_CLOEXEC'])
    await byName.sys.setns(fd, flags[index] ?? 0)
    await byName.sys.close(fd)
  }
  assert.deepEqual(spaces(byName.pid), spaces(other.pid))
  const byPidfd = await root.fork()
  const pidfd = await byPidfd.sys.pidfd_open(other.pid, [])
  assert.notDeepEqual(spaces(byPidfd.pid), spaces(other.pid))
  await byPidfd.sys.setns(pidfd, flags)
  assert.deepEqual(spaces(byPidfd.pid), spaces(other.pid))
  // The descriptor stays with that very process: when it is gone, no other one with its number is joined.
  await other.close()
  await assert.rejects(byPidfd.sys.setns(pidfd, flags), { errno: 'ESRCH' })
})

test(
  'E09: a tap device exists in its network namespace alone, and goes with it',
  { skip: ROOT.skip || requires({ program: '/dev/net/tun' }).skip },
  async () => {
    const devices = (pid: number): readonly string[] =>
      readFileSync(`/proc/${pid}/net/dev`, 'utf8').match(/[\w%]+(?=:)/g) ?? []
    const before = devices(process.pid)
    await using root = await Agent.start()
    const child = await root.clone(['CLONE_NEWNET'])
    const tun = await child.sys.openat('AT_FDCWD', '/dev/net/tun', ['O_RDWR', 'O_CLOEXEC'])
    // IFF_TAP | IFF_NO_PI
    await child.sys.ioctl(tun, 'TUNSETIFF', memory(['carrel7', 9, Uint8Array.of(2, 0x10), 22]))
    assert.ok(devices(child.pid).includes('carrel7'))
    assert.deepEqual(devices(process.pid), before)
    await child.sys.close(tun)
    assert.ok(!devices(child.pid).includes('carrel7'))
  },
)

test('E09: a struct laid out by hand is the address that the kernel connects to', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'socket')
    const server = createServer().listen(path)
    await once(server, 'listening')
    try {
      await using agent = await Agent.start()
      const fd = await agent.sys.socket('AF_UNIX', ['SOCK_STREAM', 'SOCK_CLOEXEC'], 0)
      const accepted = once(server, 'connection') as Promise<[Socket]>
      const address = memory([Uint8Array.of(1, 0), path, 1])
      await agent.sys.syscall('connect', fd, address, address.bytes.length)
      const [peer] = await accepted
      // Who is at the other end, as the kernel tells the agent and shows everybody (proc_net_unix(5)).
      assert.deepEqual(await agent.sys.getpeername(fd), { path })
      assert.match(readFileSync('/proc/self/net/unix', 'utf8'), new RegExp(` ${path}$`, 'm'))
      await agent.sys.write(fd, 'by hand')
      assert.equal(String((await once(peer, 'data'))[0]), 'by hand')
      peer.destroy()
      const other = await agent.sys.socket('AF_UNIX', ['SOCK_STREAM', 'SOCK_CLOEXEC'], 0)
      const wrong = memory([Uint8Array.of(2, 0), path, 1])
      await assert.rejects(agent.sys.syscall('connect', other, wrong, wrong.bytes.length), { errno: 'EINVAL' })
    } finally {
      server.close()
    }
  })
})

test('E09: a tracer takes a signal away from its tracee and has another one arrive', async () => {
  await using tracer = await Agent.start()
  const tracee = await (await tracer.fork()).exec('/bin/cat')
  const p = program()
  p.ptrace('PTRACE_SEIZE', tracee.pid)
  p.kill(tracee.pid, 'SIGTERM')
  p.wait4(tracee.pid, ['__WALL'])
  const traced = p.openat('AT_FDCWD', `/proc/${tracee.pid}/status`, ['O_RDONLY', 'O_CLOEXEC'])
  const status = p.read(traced, 4096)
  p.close(traced)
  p.ptrace('PTRACE_DETACH', tracee.pid, 0, 0)
  const result = await tracer.run(p)
  assert.match(Buffer.from(result.get(status) as Uint8Array).toString(), new RegExp(`^TracerPid:\t${tracer.pid}$`, 'm'))
  assert.equal(statusField(tracee.pid, 'TracerPid'), '0')
  assert.notEqual(seen(tracee.pid)?.state, 'Z')
  tracee.kill('SIGTERM')
  const exit = await tracee.exited
  assert.equal(exit.kind === 'signaled' && exit.signal, 'SIGTERM')
})

test(
  'E05: a child keeps nothing but an open descriptor in an empty root, and both give their privileges up',
  ROOT,
  async () => {
    await inFolder(async (folder) => {
      mkdirSync(join(folder, 'root'))
      const pin = join(folder, 'value')
      writeFileSync(pin, '0', { mode: 0o600 })
      await using parent = await Agent.start()
      const child = await parent.clone(['CLONE_NEWNS', 'CLONE_NEWPID', 'CLONE_NEWNET', 'CLONE_NEWIPC', 'CLONE_NEWUTS'])
      const fd = await child.sys.openat('AT_FDCWD', pin, ['O_WRONLY', 'O_CLOEXEC'])
      const drop = (id: number) => {
        const p = program()
        p.setgroups([])
        p.setresgid(id, id, id)
        p.setresuid(id, id, id)
        return p
      }
      await child.sys.chroot(join(folder, 'root'))
      await child.sys.chdir('/')
      await child.run(drop(0xf000_0001))
      const host = parent.pid
      await parent.run(drop(0xf000_0002))
      await parent.sys.unshare(['CLONE_NEWUSER', 'CLONE_NEWNET'])
      for (const pid of [child.pid, host]) assert.match(statusField(pid, 'Uid'), /^402653184[12]\t/)
      assert.equal(statusField(child.pid, 'CapEff'), '0000000000000000')
      assert.notEqual(namespaceOf(host, 'net'), namespaceOf('self', 'net'))
      assert.equal(readlinkSync(`/proc/${child.pid}/root`), join(folder, 'root'))
      await assert.rejects(child.sys.openat('AT_FDCWD', pin, ['O_WRONLY', 'O_CLOEXEC']), { errno: 'ENOENT' })
      await child.sys.pwrite64(fd, '1', 0)
      assert.equal(readFileSync(pin, 'utf8'), '1')
      await child.close()
    })
  },
)

test('examples/21-init.ts starts a service again that was killed, reaps orphans, and ends all on SIGTERM', async () => {
  const script = startScript('examples/21-init.ts', { args: ['--stay'] })
  try {
    const init = await killWeb(script)
    const zombies = () => descendants(init).filter((each) => each.state === 'Z' && each.parent === init)
    await eventually(
      () => zombies().length === 0,
      () => `zombies stay: ${JSON.stringify(zombies())}`,
    )
    script.child.kill('SIGTERM')
    const { code, stdout, stderr } = await script.ended
    assert.equal(code, 0, stderr)
    assert.ok(stdout.lastIndexOf('web: ended') < stdout.lastIndexOf('database: ended'), stdout)
    assert.ok(!existsSync(`/proc/${init}`))
  } finally {
    script.child.kill('SIGKILL')
  }
})

/** Kills the service `web` of the example from outside, waits until it is there again, and gives the init's pid on this host. */
async function killWeb(script: Script): Promise<number> {
  const line = /^web: started as (\d+)$/m
  let said = ''
  script.child.stdout.on('data', (data) => (said += String(data)))
  await eventually(
    () => line.test(said),
    () => said,
    20_000,
  )
  const inside = Number(line.exec(said)?.[1])
  const web = descendants(script.child.pid as number).find((each) =>
    statusField(each.pid, 'NSpid').endsWith(`\t${inside}`),
  )
  assert.ok(web)
  assert.equal(statusField(web.parent, 'NSpid').split('\t').at(-1), '1')
  process.kill(web.pid, 'SIGKILL')
  await eventually(
    () => said.match(/^web: started as/gm)?.length === 2,
    () => said,
  )
  assert.match(said, /^web: ended by SIGKILL$/m)
  return web.parent
}

test('the examples of the ground floor stay small enough to be read at a sitting', () => {
  const { stdout } = spawnSync('wc', ['-l', ...readdirSync('examples').filter((name) => /^\d.*\.ts$/.test(name))], {
    cwd: 'examples',
    encoding: 'utf8',
  })
  const lengths = stdout
    .trim()
    .split('\n')
    .slice(0, -1)
    .map((line) => Number(line.trim().split(' ')[0]))
  assert.ok(lengths.length >= 20)
  assert.ok(Math.max(...lengths) <= 60, stdout)
})
