import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { IMAGE } from './busybox-image.ts'
import { KernelView } from './kernel-view.ts'
import { Podman } from './podman.ts'
import { useEngine } from './use-engine.ts'

// What a container of podman may see and do, as the kernel tells it.

const use = useEngine('podman-isolation', '/usr/bin/podman', (room) => Podman.prepare(room))
const { options } = use

const CAP_CHOWN = 0
const CAP_SYS_TIME = 25

test('podman volumes: bound, bound read-only, named and of memory', options, async () => {
  const { engine, room } = use
  const shared = room.path('shared')
  mkdirSync(shared)
  writeFileSync(`${shared}/from-host`, 'host\n')
  const mounts = ['-v', `${shared}:/rw`, '-v', `${shared}:/ro:ro`, '-v', 'named:/named', '--tmpfs', '/scratch:size=1m']
  const view = await engine.start('mounted', mounts, 'sh', '-c', 'cat /ro/from-host >/rw/from-container; sleep 100')
  assert.ok(view.mount('/ro').options.includes('ro'))
  assert.ok(view.mount('/rw').options.includes('rw'))
  assert.equal(view.mount('/scratch').type, 'tmpfs')
  assert.ok(view.mount('/scratch').superOptions.includes('size=1024k'))
  assert.equal((await engine.run(['exec', 'mounted', 'touch', '/ro/x'])).code, 1)
  await engine.text('exec', 'mounted', 'sh', '-c', 'echo kept >/named/file')
  assert.equal(readFileSync(`${shared}/from-container`, 'utf8'), 'host\n')
  await engine.remove('mounted')
  assert.equal(await engine.inside(['-v', 'named:/named'], 'cat', '/named/file'), 'kept')
  await engine.text('volume', 'rm', 'named')
})

test('podman --read-only makes the root read-only, and nothing else', options, async () => {
  const { engine } = use
  const view = await engine.start('sealed', ['--read-only'], 'sleep', '100')
  assert.ok(view.mount('/').options.includes('ro'))
  assert.equal((await engine.run(['exec', 'sealed', 'touch', '/x'])).code, 1)
  await engine.text('exec', 'sealed', 'touch', '/tmp/x')
  await engine.remove('sealed')
})

test('podman --user, --cap-drop, --cap-add and no-new-privileges decide what the process may', options, async () => {
  const { engine } = use
  const user = await engine.start('user', ['--user', '1000:1000', '--group-add', '44'], 'sleep', '100')
  assert.equal(user.status('Uid'), '1000 1000 1000 1000')
  assert.equal(user.status('Gid'), '1000 1000 1000 1000')
  assert.ok(user.status('Groups').split(' ').includes('44'))
  assert.equal(user.capabilities('CapEff').size, 0)
  const words = ['--cap-drop', 'CHOWN', '--cap-add', 'SYS_TIME', '--security-opt', 'no-new-privileges']
  const root = await engine.start('root', words, 'sleep', '100')
  for (const set of ['CapEff', 'CapPrm', 'CapBnd']) {
    assert.equal(root.capabilities(set).has(CAP_SYS_TIME), true, set)
    assert.equal(root.capabilities(set).has(CAP_CHOWN), false, set)
  }
  assert.equal(root.status('NoNewPrivs'), '1')
  const none = await engine.start('none', ['--cap-drop', 'ALL'], 'sleep', '100')
  for (const set of ['CapEff', 'CapPrm', 'CapBnd']) assert.equal(none.capabilities(set).size, 0, set)
  await engine.remove('user', 'root', 'none')
})

test('podman --security-opt seccomp: the default filter, a profile of one’s own, none', options, async () => {
  const { engine, room } = use
  const profile = room.path('no-mkdir.json')
  const syscalls = [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }]
  writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }))
  const usual = await engine.start('usual', [], 'sleep', '100')
  assert.equal(usual.status('Seccomp'), '2')
  const own = await engine.start('own', ['--security-opt', `seccomp=${profile}`], 'sleep', '100')
  assert.equal(own.status('Seccomp'), '2')
  const made = await engine.run(['exec', 'own', 'mkdir', '/tmp/x'])
  assert.match(made.stderr, /No space left on device/)
  const none = await engine.start('none', ['--security-opt', 'seccomp=unconfined'], 'sleep', '100')
  assert.equal(none.status('Seccomp'), '0')
  await engine.remove('usual', 'own', 'none')
})

test('podman --userns: ids of the container are others on the host', options, async () => {
  const { engine } = use
  const mapped = await engine.start(
    'mapped',
    ['--uidmap', '0:300000:65536', '--gidmap', '0:300000:65536'],
    'sleep',
    '100',
  )
  assert.equal(mapped.status('Uid').split(' ')[0], '300000')
  assert.match(mapped.read('uid_map'), /^\s*0\s+300000\s+65536\s*$/)
  assert.match(mapped.read('gid_map'), /^\s*0\s+300000\s+65536\s*$/)
  const drawn = await engine.start('drawn', ['--userns=auto:size=2000', '--user', '7'], 'sleep', '100')
  assert.match(drawn.read('uid_map'), /^\s*0\s+1000000\s+2000\s*$/)
  assert.equal(drawn.status('Uid').split(' ')[0], '1000007')
  await engine.text('exec', 'mapped', 'sh', '-c', 'touch /x && test $(stat -c %u /x) = 0')
  await engine.remove('mapped', 'drawn')
})

test('podman --pid=host, --ipc=container: and the like share namespaces', options, async () => {
  const { engine, room } = use
  const init = new KernelView(room, 1)
  const first = await engine.start('first', ['--ipc=shareable'], 'sleep', '100')
  const words = ['--ipc=container:first', '--pid=container:first', '--network=container:first']
  const second = await engine.start('second', words, 'sleep', '100')
  for (const name of ['ipc', 'pid', 'net']) assert.equal(second.namespace(name), first.namespace(name), name)
  assert.notEqual(second.namespace('mnt'), first.namespace('mnt'))
  const host = await engine.start('host', ['--pid=host', '--ipc=host', '--uts=host', '--network=host'], 'sleep', '100')
  for (const name of ['pid', 'ipc', 'uts', 'net']) assert.equal(host.namespace(name), init.namespace(name), name)
  // Without a namespace of its own it has no first process that would take the others with it.
  await engine.text('exec', '--detach', 'host', 'sleep', '300')
  await engine.remove('second', 'first', 'host')
})

test('podman --privileged gives what the engine itself has', options, async () => {
  const { engine, room } = use
  const view = await engine.start('mighty', ['--privileged'], 'sleep', '100')
  const own = /^CapBnd:\s*(\w+)$/m.exec(readFileSync(room.proc(1, 'status'), 'utf8'))?.[1]
  assert.equal(view.status('CapEff'), own)
  assert.equal(view.status('Seccomp'), '0')
  assert.ok(existsSync(view.file('/dev/fuse')))
  await engine.remove('mighty')
})

test('podman --sysctl, --ulimit, --device, --hostname, --shm-size and --env arrive', options, async () => {
  const { engine } = use
  const words = ['--sysctl', 'net.ipv4.ip_default_ttl=77', '--ulimit', 'nofile=100:200', '--ulimit', 'nproc=300:400']
  words.push('--device', '/dev/fuse:/dev/fused', '--hostname', 'named', '--shm-size', '2m', '--env', 'A=b c')
  words.push('--oom-score-adj', '500', '--umask', '0027', '--workdir', '/www')
  const view = await engine.start('fitted', words, 'sh', '-c', 'hostname >/tmp/name; umask >/tmp/umask; exec sleep 100')
  const written = (name: string) => () => {
    const path = view.file(`/tmp/${name}`)
    return existsSync(path) && readFileSync(path, 'utf8')
  }
  assert.match(view.read('limits'), /^Max open files\s+100\s+200\s/m)
  assert.match(view.read('limits'), /^Max processes\s+300\s+400\s/m)
  assert.ok(statSync(view.file('/dev/fused')).isCharacterDevice())
  assert.ok(view.mount('/dev/shm').superOptions.includes('size=2048k'))
  assert.ok(view.read('environ').split('\0').includes('A=b c'))
  assert.equal(view.read('oom_score_adj'), '500\n')
  assert.equal(await eventually(written('name'), () => 'no name is written'), 'named\n')
  assert.equal(await eventually(written('umask'), () => 'no umask is written'), '0027\n')
  assert.equal(await engine.text('exec', 'fitted', 'cat', '/proc/sys/net/ipv4/ip_default_ttl'), '77')
  assert.equal(await engine.text('exec', 'fitted', 'pwd'), '/www')
  await engine.remove('fitted')
})

test('podman containers cannot reach what the engine masks', options, async () => {
  const { engine } = use
  const view = await engine.start('masked', [], 'sleep', '100')
  const masked = ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware'].filter((path) => existsSync(path))
  assert.ok(masked.length > 0)
  for (const path of masked) {
    assert.ok(view.mount(path))
    assert.equal(await engine.text('exec', 'masked', 'sh', '-c', `ls -A ${path} | grep -v ^/; cat ${path}; true`), '')
  }
  assert.ok(view.mount('/proc/sys').options.includes('ro'))
  assert.ok(view.mount('/sys').options.includes('ro'))
  const written = await engine.run(['exec', 'masked', 'sh', '-c', 'echo 1 >/proc/sys/kernel/panic'])
  assert.match(written.stderr, /Read-only file system/)
  await engine.remove('masked')
})

test('podman --preserve-fds passes descriptors on', options, async () => {
  const { room } = use
  const command = `exec 3</etc/subuid; podman run --rm --preserve-fds 1 ${IMAGE} sh -c 'cat <&3'`
  const text = await room.text(['sh', '-c', command], { env: { STORAGE_DRIVER: room.storage } })
  assert.match(text, /^engineer:/)
})
