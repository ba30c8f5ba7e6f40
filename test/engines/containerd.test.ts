import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { Containerd } from './containerd.ts'
import { KernelView } from './kernel-view.ts'
import { useEngine } from './use-engine.ts'

// containerd's own client, and what the shim of all its users asks of a runtime.

const use = useEngine('containerd', '/usr/bin/containerd', (room) => Containerd.start(room))
const { options } = use
const MIB = 1024 * 1024
const CAP_CHOWN = 0

test('ctr run passes output and exit codes, and says what cannot be run', options, async () => {
  const { engine } = use
  const ended = await engine.runImage(['--rm'], 'short', 'sh', '-c', 'echo out; echo oh >&2; exit 7')
  assert.deepEqual(ended, { code: 7, stdout: 'out\n', stderr: 'oh\n' })
  const missing = await engine.runImage(['--rm'], 'missing', 'no-such-program')
  assert.match(missing.stderr, /executable file .*not found in \$PATH/)
})

test('ctr run -t and exec -t give terminals of the caller’s size', options, async () => {
  const { engine, room } = use
  const shell = engine.terminal(['--rm', '--tty'], 'typed', 'sh')
  await eventually(() => shell.output().includes('#'), shell.output, 20_000)
  const second = room.terminal(['ctr', 'task', 'exec', '--tty', '--exec-id', 'second', 'typed', 'sh'])
  await eventually(() => second.output().includes('#'), second.output, 20_000)
  second.write('tty; stty size; exit 6\n')
  assert.equal(await second.ended, 6, second.output())
  assert.match(second.output(), /\/dev\/pts\/1\s+33 91\s/)
  shell.write('tty; stty size; exit 5\n')
  assert.equal(await shell.ended, 5, shell.output())
  assert.match(shell.output(), /\/dev\/pts\/0\s+33 91\s/)
})

test('ctr run -d leaves the container’s process below its shim, and exec joins it', options, async () => {
  const { engine, room } = use
  const view = await engine.start('target', [], 'sleep', '100')
  assert.deepEqual(view.commandLine, ['sleep', '100'])
  assert.match(new KernelView(room, view.status('PPid')).status('Name'), /^containerd-shim/)
  const init = new KernelView(room, 1)
  for (const name of ['mnt', 'pid', 'ipc', 'uts', 'net']) assert.notEqual(view.namespace(name), init.namespace(name))
  const words = ['task', 'exec', '--exec-id', 'one', '--cwd', '/tmp', '--user', '1000:1000', 'target']
  assert.equal(await engine.text(...words, 'sh', '-c', 'id -u; pwd'), '1000\n/tmp')
  await engine.text('task', 'exec', '--detach', '--exec-id', 'two', 'target', 'sleep', '200')
  const second = await eventually(
    () => view.members('pids').find(({ commandLine }) => commandLine[1] === '200'),
    () => 'the second process is in the group of the first',
  )
  assert.equal(second.namespace('mnt'), view.namespace('mnt'))
  const listed = (await engine.text('task', 'ps', 'target')).split('\n').map((row) => Number(row.split(/\s+/)[0]))
  assert.deepEqual(new Set(listed.slice(1)), new Set([view.pid, second.pid]))
  await engine.remove('target')
  assert.equal(view.isAlive || second.isAlive, false)
})

test('ctr task kill, pause, resume and metrics reach the kernel', options, async () => {
  const { engine } = use
  const view = await engine.start('limited', ['--memory-limit', String(64 * MIB), '--cpus', '0.5'], 'sleep', '100')
  assert.deepEqual([view.memoryLimit, view.cpuQuota], [64 * MIB, 50_000])
  assert.match(await engine.text('task', 'metrics', 'limited'), /^pids\.current\s+1\s*$/m)
  await engine.text('task', 'pause', 'limited')
  assert.equal(view.isFrozen, true)
  assert.equal((await engine.task('limited'))?.status, 'PAUSED')
  await engine.text('task', 'resume', 'limited')
  assert.equal(view.isFrozen, false)
  await engine.text('task', 'kill', '--signal', 'SIGKILL', 'limited')
  await engine.waitFor('limited', 'STOPPED')
  assert.equal(view.isAlive, false)
  await engine.remove('limited')
})

test('ctr options for mounts, privileges, seccomp and groups are the kernel’s', options, async () => {
  const { engine, room } = use
  const shared = room.path('shared')
  mkdirSync(shared)
  writeFileSync(`${shared}/from-host`, 'host\n')
  const mount = ['--mount', `type=bind,src=${shared},dst=/ro,options=rbind:ro`]
  const view = await engine.start(
    'fitted',
    [...mount, '--read-only', '--cap-drop', 'CAP_CHOWN', '--seccomp', '--cgroup', '/default/own-group'],
    'sleep',
    '100',
  )
  assert.ok(view.mount('/ro').options.includes('ro'))
  assert.equal(readFileSync(view.file('/ro/from-host'), 'utf8'), 'host\n')
  assert.ok(view.mount('/').options.includes('ro'))
  for (const set of ['CapEff', 'CapPrm', 'CapBnd']) assert.equal(view.capabilities(set).has(CAP_CHOWN), false, set)
  assert.equal(view.status('NoNewPrivs'), '1')
  assert.equal(view.status('Seccomp'), '2')
  assert.match(view.group('memory'), new RegExp(`/${room.group}/default/own-group$`))
  await engine.remove('fitted')
})

test('ctr run maps ids of a user namespace', options, async () => {
  const { engine } = use
  const ids = ['--uidmap', '0:300000:65536', '--gidmap', '0:300000:65536']
  // With these, ctr 1.6 forgets --runc-binary: what it finds as runc is the same runtime.
  const view = await engine.start('mapped', ids, 'sleep', '100')
  assert.equal(view.status('Uid').split(' ')[0], '300000')
  assert.match(view.read('uid_map'), /^\s*0\s+300000\s+65536\s*$/)
  await engine.remove('mapped')
})

test('ctr task checkpoint either saves the processes or says why it cannot', options, async () => {
  const { engine, room } = use
  const view = await engine.start('saved', [], 'sleep', '100')
  const works = (await room.run(['criu', 'check'])).code === 0
  const { code, stderr } = await engine.run(['task', 'checkpoint', '--image-path', room.path('saved'), 'saved'])
  if (works) {
    assert.equal(code, 0, stderr)
  } else {
    assert.notEqual(code, 0)
    assert.match(stderr, /criu|checkpoint/)
    assert.equal(view.isAlive, true)
    assert.equal(view.isFrozen, false)
  }
  await engine.remove('saved')
})

test('containerd reads the runtime of docs/engines.md back as it stands there', options, async () => {
  const { room } = use
  const config = await room.text(['containerd', 'config', 'dump'])
  assert.match(config, /^\s*default_runtime_name = "runc"$/m)
  const [, handler = ''] = config.split('.runtimes.carrel-oci]\n')
  for (const line of ['runtime_type = "io.containerd.runc.v2"', 'pod_annotations = ["dev.carrel.*"]']) {
    assert.ok(handler.includes(line), line)
  }
  const [, runtime = ''] = config.split('.runtimes.carrel-oci.options]\n')
  assert.match(runtime, /^\s*BinaryName = "\/usr\/local\/bin\/carrel-oci"$/m)
  assert.match(runtime, /^\s*SystemdCgroup = false$/m)
})
