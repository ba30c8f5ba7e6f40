import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { RUNTIME } from '../support/oci.ts'
import { IMAGE } from './busybox-image.ts'
import { blockOf } from './documentation.ts'
import { KernelView } from './kernel-view.ts'
import { Podman } from './podman.ts'
import { useEngine } from './use-engine.ts'

// What a person does with podman as root, from the first run to the last removal; what containers see is in podman-isolation.test.ts.

const use = useEngine('podman', '/usr/bin/podman', (room) => Podman.prepare(room))
const { options } = use
const MIB = 1024 * 1024
const BUILDAH = 'export BUILDAH_RUNTIME=/usr/local/bin/carrel-oci'

/** A shell that notes the signals USR1 and TERM, and ends with 3 after the latter. */
const TRAPS = `trap 'echo one' USR1; trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done`

test('podman knows the runtime by the name and the path of docs/engines.md', options, async () => {
  const { engine, room } = use
  assert.equal(
    await engine.text('info', '--format', '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}'),
    'carrel-oci /usr/local/bin/carrel-oci',
  )
  assert.ok(room.calls().includes('--version'))
  const { stderr } = await engine.run(['--log-level', 'debug', 'info'])
  assert.match(stderr, /Merged system config \\"\/etc\/containers\/containers\.conf\.d\/carrel-oci\.conf/)
  assert.doesNotMatch(stderr, /Failed to decode the keys/)
  await engine.start('named', [], 'sleep', '100')
  assert.equal(await engine.text('inspect', '--format', '{{.OCIRuntime}}', 'named'), 'carrel-oci')
  // runtime_supports_json
  const id = await engine.text('inspect', '--format', '{{.Id}}', 'named')
  assert.ok(room.calls().some((call) => call.startsWith('--log-format=json --log ') && call.endsWith(` ${id}`)))
  await engine.remove('named')
})

test('podman run passes input, output and exit codes', options, async () => {
  const { engine } = use
  const echoed = await engine.run(['run', '--rm', '-i', IMAGE, 'sh', '-c', 'cat; echo oh >&2; exit 7'], {
    input: 'abc',
  })
  assert.deepEqual(echoed, { code: 7, stdout: 'abc', stderr: 'oh\n' })
})

test('podman run tells a missing program (127) from one that cannot run (126)', options, async () => {
  const { engine } = use
  const missing = await engine.run(['run', '--rm', IMAGE, 'no-such-program'])
  assert.equal(missing.code, 127, missing.stderr)
  assert.match(missing.stderr, /no-such-program/)
  const forbidden = await engine.run(['run', '--rm', IMAGE, '/etc/passwd'])
  assert.equal(forbidden.code, 126, forbidden.stderr)
})

test('podman run -it gives a terminal of the caller’s size', options, async () => {
  const shell = use.engine.terminal('run', '--rm', '-it', '--network', 'none', IMAGE, 'sh')
  await eventually(() => shell.output().includes('#'), shell.output)
  shell.write('tty; test -c /dev/console && stty size; exit 5\n')
  assert.equal(await shell.ended, 5, shell.output())
  assert.match(shell.output(), /\/dev\/pts\/0\s+33 91\s/)
})

test('podman run -d leaves the container’s process and conmon, and no process of the runtime', options, async () => {
  const { engine, room } = use
  const view = await engine.start('detached', [], 'sleep', '100')
  assert.deepEqual(view.commandLine, ['sleep', '100'])
  assert.equal(view.status('NSpid').split(' ').at(-1), '1')
  const parent = new KernelView(room, view.status('PPid'))
  assert.equal(parent.status('Name'), 'conmon')
  const init = new KernelView(room, 1)
  for (const name of ['mnt', 'pid', 'ipc', 'uts', 'net']) assert.notEqual(view.namespace(name), init.namespace(name))
  await engine.remove('detached')
  assert.equal(view.isAlive, false)
})

test('podman exec runs in the container, as the user and in the folder that it was told', options, async () => {
  const { engine } = use
  const view = await engine.start('target', [], 'sleep', '100')
  const words = ['exec', '--user', '1000:1000', '--workdir', '/tmp', '--env', 'A=b', 'target']
  assert.equal(await engine.text(...words, 'sh', '-c', 'id -u; pwd; echo $A'), '1000\n/tmp\nb')
  assert.equal((await engine.run(['exec', 'target', 'sh', '-c', 'exit 9'])).code, 9)
  assert.equal((await engine.run(['exec', 'target', 'no-such-program'])).code, 127)
  await engine.text('exec', '--detach', 'target', 'sleep', '200')
  const second = await eventually(
    () => view.members('pids').find(({ commandLine }) => commandLine[1] === '200'),
    () => 'the second process is in the group of the first',
  )
  assert.equal(second.namespace('mnt'), view.namespace('mnt'))
  assert.equal(second.status('CapEff'), view.status('CapEff'))
  await engine.remove('target')
})

test('podman exec -it has a terminal of its own', options, async () => {
  const { engine } = use
  await engine.start('target', [], 'sleep', '100')
  const shell = engine.terminal('exec', '-it', 'target', 'sh')
  await eventually(() => shell.output().includes('#'), shell.output)
  shell.write('tty; stty size; exit 6\n')
  assert.equal(await shell.ended, 6, shell.output())
  assert.match(shell.output(), /\/dev\/pts\/0\s+33 91\s/)
  await engine.remove('target')
})

test('podman kill and stop: a signal arrives, stop waits for the end, kill forces it', options, async () => {
  const { engine } = use
  const view = await engine.start('signalled', [], 'sh', '-c', TRAPS)
  await eventually(
    async () => (await engine.text('logs', 'signalled')).includes('ready'),
    () => 'it is ready',
  )
  await engine.text('kill', '--signal', 'USR1', 'signalled')
  await eventually(
    async () => (await engine.text('logs', 'signalled')).includes('one'),
    () => 'USR1 arrives',
  )
  await engine.text('stop', '--time', '10', 'signalled')
  assert.equal(await engine.state('signalled', 'ExitCode'), '3')
  assert.equal(view.isAlive, false)
  await engine.text('start', 'signalled')
  const again = await engine.view('signalled')
  await engine.text('kill', 'signalled')
  await engine.waitFor('signalled', 'exited')
  assert.equal(await engine.state('signalled', 'ExitCode'), '137')
  assert.equal(again.isAlive, false)
  await engine.remove('signalled')
})

test('podman pause freezes the group, unpause thaws it', options, async () => {
  const { engine } = use
  const view = await engine.start('frozen', [], 'sleep', '100')
  await engine.text('pause', 'frozen')
  assert.equal(view.isFrozen, true)
  assert.equal(await engine.state('frozen', 'Status'), 'paused')
  await engine.text('unpause', 'frozen')
  assert.equal(view.isFrozen, false)
  await engine.remove('frozen')
})

test('podman run sets limits, update changes them', options, async () => {
  const { engine } = use
  const limits = ['--memory', '64m', '--pids-limit', '50', '--cpus', '0.5']
  const view = await engine.start('limited', limits, 'sleep', '100')
  assert.deepEqual([view.memoryLimit, view.pidsLimit, view.cpuQuota], [64 * MIB, 50, 50_000])
  await engine.text('update', '--memory', '128m', '--cpus', '0.7', 'limited')
  assert.deepEqual([view.memoryLimit, view.pidsLimit, view.cpuQuota], [128 * MIB, 50, 70_000])
  await engine.remove('limited')
})

test('podman stats, top and logs see what the container does', options, async () => {
  const { engine } = use
  const limits = ['--memory', '64m']
  const view = await engine.start('seen', limits, 'sh', '-c', 'echo line one; echo line two >&2; sleep 100 & wait')
  const stats = await engine.text('stats', '--no-stream', '--format', '{{.PIDs}} {{.MemUsage}}', 'seen')
  assert.match(stats, /^2 .* \/ 67\.11MB$/)
  assert.match(await engine.text('top', 'seen', 'args'), /sleep 100/)
  assert.match(await engine.text('top', 'seen', 'hpid'), new RegExp(String.raw`^${view.pid}\s*$`, 'm'))
  const logs = await engine.run(['logs', 'seen'])
  assert.deepEqual([logs.stdout, logs.stderr], ['line one\n', 'line two\n'])
  await engine.remove('seen')
})

test('podman healthcheck run tells healthy from unhealthy', options, async () => {
  const { engine } = use
  const check = ['--health-cmd', 'test -e /tmp/well', '--health-interval', 'disable', '--health-retries', '1']
  const view = await engine.start('patient', check, 'sleep', '100')
  assert.equal((await engine.run(['healthcheck', 'run', 'patient'])).code, 1)
  assert.equal(await engine.state('patient', 'Health.Status'), 'unhealthy')
  await engine.text('exec', 'patient', 'touch', '/tmp/well')
  await engine.text('healthcheck', 'run', 'patient')
  assert.equal(await engine.state('patient', 'Health.Status'), 'healthy')
  assert.equal(view.isAlive, true)
  await engine.remove('patient')
})

test('podman publishes a port of the container', options, async () => {
  const { engine, room } = use
  await engine.start('server', ['--network=podman', '-p', '127.0.0.1:8080:80'], 'httpd', '-f', '-h', '/www')
  const fetch = ['busybox', 'wget', '-qO-', 'http://127.0.0.1:8080/']
  await eventually(
    async () => (await room.run(fetch)).stdout === 'served by busybox\n',
    () => 'the page is served',
  )
  await engine.remove('server')
})

test('podman restarts what fails as often as it was told', options, async () => {
  const { engine, room } = use
  await engine.text('run', '--detach', '--name', 'failing', '--restart', 'on-failure:2', IMAGE, 'false')
  const count = (): Promise<string> => engine.text('inspect', '--format', '{{.RestartCount}}', 'failing')
  await eventually(
    async () => (await count()) === '2',
    () => 'it was restarted twice',
    20_000,
  )
  await engine.waitFor('failing', 'exited')
  const id = await engine.text('inspect', '--format', '{{.Id}}', 'failing')
  assert.equal(room.calls().filter((call) => call === `start ${id}`).length, 3)
  await engine.remove('failing')
})

test(
  'podman checkpoint either saves the processes or says why it cannot, and leaves them running',
  options,
  async () => {
    const { engine, room } = use
    const view = await engine.start('saved', [], 'sleep', '100')
    const works = (await room.run(['criu', 'check'])).code === 0
    const { code, stderr } = await engine.run(['container', 'checkpoint', 'saved'])
    if (works) {
      assert.equal(code, 0, stderr)
      assert.equal(view.isAlive, false)
      await engine.text('container', 'restore', 'saved')
      assert.deepEqual((await engine.view('saved')).commandLine, ['sleep', '100'])
    } else {
      assert.notEqual(code, 0)
      // Debian's crun is built without it, which podman finds out beforehand.
      assert.match(stderr, RUNTIME.name === 'crun' ? /does not support checkpoint/ : /criu/)
      assert.equal(view.isAlive, true)
      await engine.text('exec', 'saved', 'true')
    }
    await engine.remove('saved')
  },
)

test('podman build and buildah run a command of a build', options, async () => {
  const { engine, room } = use
  const file = `FROM ${IMAGE}\nRUN echo built > /built && test $(id -u) = 0\n`
  await engine.run(['build', '--quiet', '--tag', 'localhost/built', '-'], { input: file }).then(({ code, stderr }) => {
    assert.equal(code, 0, stderr)
  })
  assert.equal(await engine.text('run', '--rm', 'localhost/built', 'cat', '/built'), 'built')
  const [, name = '', value = ''] = /^export (\w+)=(.*)$/m.exec(blockOf('sh', BUILDAH).code) ?? []
  const documented = { [name]: value }
  const buildah = (...args: string[]): Promise<string> =>
    room.text(['buildah', ...args], {
      env: { STORAGE_DRIVER: room.storage, ...documented, BUILDAH_ISOLATION: 'oci' },
    })
  const before = room.calls().length
  const container = await buildah('from', IMAGE)
  assert.equal(await buildah('run', container, '--', 'echo', 'from buildah'), 'from buildah')
  const verbs = room
    .calls()
    .slice(before)
    .map((call) => call.split(' ')[0])
  assert.deepEqual(verbs, ['create', 'start', 'state', 'delete'])
  await buildah('rm', container)
  await engine.text('rmi', 'localhost/built')
})

test('podman run --cgroups=disabled stays in the caller’s groups', { skip: options.skip }, async () => {
  const { engine } = use
  const { code, stdout, stderr } = await engine.run([
    'run',
    '--rm',
    '--cgroups=disabled',
    IMAGE,
    'cat',
    '/proc/self/cgroup',
  ])
  if (RUNTIME.name === 'runc') {
    // It has no such mode: its name is what the page puts into runtime_supports_nocgroup.
    assert.match(stderr, /cgroup-manager/)
    return
  }
  assert.equal(code, 0, stderr)
  assert.doesNotMatch(stdout, /libpod/)
})
