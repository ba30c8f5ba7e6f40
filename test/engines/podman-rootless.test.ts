import assert from 'node:assert/strict'
import { existsSync, mkdirSync, chownSync, readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { IMAGE } from './busybox-image.ts'
import { KernelView } from './kernel-view.ts'
import { Podman } from './podman.ts'
import { ENGINEER } from './room.ts'
import { useEngine } from './use-engine.ts'

// podman as an ordinary user. On hosts with cgroup v1 podman gives such containers no groups: no limits, no pause, no stats.

const use = useEngine('podman-rootless', '/usr/bin/podman', (room) => Podman.prepare(room, { ordinary: true }))
const { options } = use
const ROOT = String(ENGINEER.id)

test('rootless podman runs containers as the user, with ranges of ids', options, async () => {
  const { engine, room } = use
  assert.equal(
    await engine.text('info', '--format', '{{.Host.Security.Rootless}} {{.Host.OCIRuntime.Name}}'),
    'true carrel-oci',
  )
  const root = await engine.start('root', [], 'sleep', '100')
  assert.equal(root.status('Uid').split(' ')[0], ROOT)
  assert.match(root.read('uid_map'), /^\s*0\s+12345\s+1\s+1\s+200000\s+65536\s*$/)
  const user = await engine.start('user', ['--user', '1000:1000'], 'sleep', '100')
  assert.equal(user.status('Uid').split(' ')[0], String(ENGINEER.firstSubordinate + 999))
  assert.equal(user.capabilities('CapEff').size, 0)
  const kept = await engine.start('kept', ['--userns=keep-id'], 'sleep', '100')
  assert.equal(kept.status('Uid').split(' ')[0], ROOT)
  assert.equal(await engine.text('exec', 'kept', 'id', '-u'), ROOT)
  const init = new KernelView(room, 1)
  for (const name of ['user', 'mnt', 'pid', 'ipc', 'uts', 'net'])
    assert.notEqual(root.namespace(name), init.namespace(name))
  await engine.remove('root', 'user', 'kept')
})

test('rootless podman run passes input, output and exit codes', options, async () => {
  const { engine } = use
  const echoed = await engine.run(['run', '--rm', '-i', IMAGE, 'sh', '-c', 'cat; exit 7'], { input: 'abc' })
  assert.deepEqual([echoed.code, echoed.stdout], [7, 'abc'])
  assert.equal((await engine.run(['run', '--rm', IMAGE, 'no-such-program'])).code, 127)
  assert.equal((await engine.run(['run', '--rm', IMAGE, '/etc/passwd'])).code, 126)
})

test('rootless podman run -it and exec -it give terminals of the caller’s size', options, async () => {
  const { engine } = use
  const shell = engine.terminal('run', '--rm', '-it', '--name', 'typed', '--network', 'none', IMAGE, 'sh')
  await eventually(() => shell.output().includes('#'), shell.output, 20_000)
  const second = engine.terminal('exec', '-it', 'typed', 'sh')
  await eventually(() => second.output().includes('#'), second.output, 20_000)
  second.write('tty; stty size; exit 6\n')
  assert.equal(await second.ended, 6, second.output())
  assert.match(second.output(), /\/dev\/pts\/1\s+33 91\s/)
  shell.write('tty; stty size; exit 5\n')
  assert.equal(await shell.ended, 5, shell.output())
  assert.match(shell.output(), /\/dev\/pts\/0\s+33 91\s/)
})

test('rootless podman exec, kill, stop, start, top and logs', options, async () => {
  const { engine } = use
  const loop = `trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done`
  const view = await engine.start('target', [], 'sh', '-c', loop)
  await eventually(
    async () => (await engine.text('logs', 'target')) === 'ready',
    () => 'it is ready',
  )
  assert.equal(
    await engine.text('exec', '--user', '1000:1000', '--workdir', '/tmp', 'target', 'sh', '-c', 'id -u; pwd'),
    '1000\n/tmp',
  )
  assert.match(await engine.text('top', 'target', 'args'), /sh -c trap/)
  await engine.text('stop', '--time', '10', 'target')
  assert.equal(view.isAlive, false)
  assert.equal(await engine.state('target', 'ExitCode'), '3')
  await engine.text('start', 'target')
  await engine.text('kill', 'target')
  await engine.waitFor('target', 'exited')
  assert.equal(await engine.state('target', 'ExitCode'), '137')
  await engine.remove('target')
})

test('rootless podman mounts, read-only roots, capabilities and filters are the kernel’s', options, async () => {
  const { engine, room } = use
  const shared = room.path('shared')
  mkdirSync(shared)
  chownSync(shared, ENGINEER.id, ENGINEER.id)
  const words = ['--read-only', '-v', `${shared}:/rw`, '-v', 'named:/named', '--cap-drop', 'ALL', '--cap-add', 'CHOWN']
  const view = await engine.start(
    'fitted',
    [...words, '--ulimit', 'nofile=100:200', '--ulimit', 'nproc=50:50'],
    'sleep',
    '100',
  )
  assert.ok(view.mount('/').options.includes('ro'))
  assert.deepEqual([...view.capabilities('CapEff')], [0])
  assert.equal(view.status('Seccomp'), '2')
  assert.match(view.read('limits'), /^Max open files\s+100\s+200\s/m)
  await engine.text('exec', 'fitted', 'sh', '-c', 'echo inside >/rw/file; echo kept >/named/file')
  assert.equal(readFileSync(`${shared}/file`, 'utf8'), 'inside\n')
  assert.equal(statSync(`${shared}/file`).uid, ENGINEER.id)
  await engine.remove('fitted')
  await engine.text('volume', 'rm', 'named')
})

test('rootless podman publishes a port of the container', options, async () => {
  const { engine, room } = use
  const words = ['--network=slirp4netns', '-p', '127.0.0.1:8080:80']
  await engine.start('server', words, 'httpd', '-f', '-h', '/www')
  const fetch = ['busybox', 'wget', '-qO-', 'http://127.0.0.1:8080/']
  await eventually(
    async () => (await room.run(fetch)).stdout === 'served by busybox\n',
    () => 'the page is served',
  )
  await engine.remove('server')
})

test('rootless podman shares namespaces of the host and of containers', options, async () => {
  const { engine, room } = use
  const init = new KernelView(room, 1)
  const first = await engine.start('first', ['--ipc=shareable'], 'sleep', '100')
  const second = await engine.start('second', ['--ipc=container:first', '--pid=container:first'], 'sleep', '100')
  for (const name of ['ipc', 'pid']) assert.equal(second.namespace(name), first.namespace(name), name)
  const host = await engine.start('host', ['--pid=host', '--network=host', '--privileged'], 'sleep', '100')
  for (const name of ['pid', 'net']) assert.equal(host.namespace(name), init.namespace(name), name)
  assert.equal(host.status('Seccomp'), '0')
  assert.ok(existsSync(host.file('/dev/fuse')))
  await engine.remove('second', 'first', 'host')
})

test('rootless podman healthcheck run tells healthy from unhealthy', options, async () => {
  const { engine } = use
  const check = ['--health-cmd', 'test -e /tmp/well', '--health-interval', 'disable', '--health-retries', '1']
  await engine.start('patient', check, 'sleep', '100')
  assert.equal((await engine.run(['healthcheck', 'run', 'patient'])).code, 1)
  await engine.text('exec', 'patient', 'touch', '/tmp/well')
  await engine.text('healthcheck', 'run', 'patient')
  await engine.remove('patient')
})
