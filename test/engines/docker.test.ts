import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { RUNTIME } from '../support/oci.ts'
import { IMAGE } from './busybox-image.ts'
import { Docker } from './docker.ts'
import { KernelView } from './kernel-view.ts'
import { useEngine } from './use-engine.ts'

// dockerd with carrel-oci as its default runtime, in a network of its own: bridge, port and rules are nobody else's.

const use = useEngine('docker', '/usr/sbin/dockerd', (room) => Docker.start(room))
const { options } = use
const MIB = 1024 * 1024
const CAP_CHOWN = 0
const CAP_SYS_TIME = 25

/** A shell that notes the signals USR1 and TERM, and ends with 3 after the latter. */
const TRAPS = `trap 'echo one' USR1; trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done`

test('dockerd takes the runtime of docs/engines.md as its default', options, async () => {
  const { engine, room } = use
  assert.equal(await engine.text('info', '--format', '{{.DefaultRuntime}}'), 'carrel-oci')
  assert.equal(
    await engine.text('info', '--format', '{{(index .Runtimes "carrel-oci").Path}}'),
    '/usr/local/bin/carrel-oci',
  )
  await engine.start('named', [], 'sleep', '100')
  const [id, runtime] = (await engine.text('inspect', '--format', '{{.Id}} {{.HostConfig.Runtime}}', 'named')).split(
    ' ',
  )
  assert.equal(runtime, 'carrel-oci')
  assert.ok(
    room.calls().some((call) => / --log-format json create .* --pid-file /.test(call) && call.endsWith(` ${id}`)),
  )
  await engine.remove('named')
})

test('docker run passes input, output and exit codes', options, async () => {
  const { engine } = use
  const echoed = await engine.run(['run', '--rm', '-i', IMAGE, 'sh', '-c', 'cat; echo oh >&2; exit 7'], {
    input: 'abc',
  })
  assert.deepEqual(echoed, { code: 7, stdout: 'abc', stderr: 'oh\n' })
})

test('docker run tells a missing program (127) from one that cannot run (126)', options, async () => {
  const { engine } = use
  const missing = await engine.run(['run', '--rm', IMAGE, 'no-such-program'])
  const absent = await engine.run(['run', '--rm', IMAGE, '/no/such/program'])
  const forbidden = await engine.run(['run', '--rm', IMAGE, '/etc/passwd'])
  // docker reads it out of the message, and Debian's crun words it otherwise.
  const codes = RUNTIME.name === 'crun' ? [125, 125, 125] : [127, 127, 126]
  assert.deepEqual([missing.code, absent.code, forbidden.code], codes, missing.stderr + forbidden.stderr)
})

test('docker run -it and exec -it give terminals of the caller’s size', options, async () => {
  const { engine } = use
  const shell = engine.terminal('run', '-it', '--rm', '--name', 'typed', '--network', 'none', IMAGE, 'sh')
  await eventually(() => shell.output().includes('#'), shell.output, 20_000)
  const second = engine.terminal('exec', '-it', 'typed', 'sh')
  await eventually(() => second.output().includes('#'), second.output, 20_000)
  second.write('tty; stty size; exit 6\n')
  assert.equal(await second.ended, 6, second.output())
  assert.match(second.output(), /\/dev\/pts\/1\s+33 91\s/)
  shell.write('tty; test -c /dev/console && stty size; exit 5\n')
  assert.equal(await shell.ended, 5, shell.output())
  assert.match(shell.output(), /\/dev\/pts\/0\s+33 91\s/)
})

test('docker run -d leaves the container’s process below its shim, and exec joins it', options, async () => {
  const { engine, room } = use
  const view = await engine.start('target', [], 'sleep', '100')
  assert.deepEqual(view.commandLine, ['sleep', '100'])
  assert.match(new KernelView(room, view.status('PPid')).status('Name'), /^containerd-shim/)
  const init = new KernelView(room, 1)
  for (const name of ['mnt', 'pid', 'ipc', 'uts', 'net']) assert.notEqual(view.namespace(name), init.namespace(name))
  const words = ['exec', '--user', '1000:1000', '--workdir', '/tmp', '--env', 'A=b', 'target']
  assert.equal(await engine.text(...words, 'sh', '-c', 'id -u; pwd; echo $A'), '1000\n/tmp\nb')
  assert.equal((await engine.run(['exec', 'target', 'sh', '-c', 'exit 9'])).code, 9)
  // 127 is for docker run only.
  const missing = await engine.run(['exec', 'target', 'no-such-program'])
  assert.equal(missing.code, 126)
  assert.match(missing.stdout + missing.stderr, /executable file .*not found in \$PATH/)
  await engine.text('exec', '--detach', 'target', 'sleep', '200')
  const second = await eventually(
    () => view.members('pids').find(({ commandLine }) => commandLine[1] === '200'),
    () => 'the second process is in the group of the first',
  )
  assert.equal(second.namespace('mnt'), view.namespace('mnt'))
  assert.equal(second.status('CapEff'), view.status('CapEff'))
  await engine.remove('target')
  assert.equal(view.isAlive || second.isAlive, false)
})

test('docker kill, stop and restart: a signal arrives, stop waits for the end, kill forces it', options, async () => {
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
  await engine.text('restart', '--time', '0', 'signalled')
  assert.equal(again.isAlive, false)
  await engine.text('kill', 'signalled')
  await engine.waitFor('signalled', 'Status', 'exited')
  assert.equal(await engine.state('signalled', 'ExitCode'), '137')
  await engine.remove('signalled')
})

test('docker run sets limits, update changes them, pause freezes', options, async () => {
  const { engine } = use
  const limits = ['--memory', '64m', '--pids-limit', '50', '--cpus', '0.5']
  const view = await engine.start('limited', limits, 'sleep', '100')
  assert.deepEqual([view.memoryLimit, view.pidsLimit, view.cpuQuota], [64 * MIB, 50, 50_000])
  const changed = ['--memory', '128m', '--memory-swap', '256m', '--cpus', '0.7', '--pids-limit', '60']
  await engine.text('update', ...changed, 'limited')
  assert.deepEqual([view.memoryLimit, view.pidsLimit, view.cpuQuota], [128 * MIB, 60, 70_000])
  await engine.text('pause', 'limited')
  assert.equal(view.isFrozen, true)
  await engine.text('unpause', 'limited')
  assert.equal(view.isFrozen, false)
  await engine.remove('limited')
})

test('docker stats, top and logs see what the container does', options, async () => {
  const { engine } = use
  const limits = ['--memory', '64m']
  const view = await engine.start('seen', limits, 'sh', '-c', 'echo line one; echo line two >&2; sleep 100 & wait')
  const stats = await engine.text('stats', '--no-stream', '--format', '{{.PIDs}} {{.MemUsage}}', 'seen')
  assert.match(stats, /^2 .* \/ 64MiB$/)
  const top = await engine.text('top', 'seen', '-eo', 'pid,args')
  assert.match(top, new RegExp(String.raw`^\s*${view.pid}\s+sh -c`, 'm'))
  assert.match(top, /sleep 100$/m)
  const logs = await engine.run(['logs', 'seen'])
  assert.deepEqual([logs.stdout, logs.stderr], ['line one\n', 'line two\n'])
  await engine.remove('seen')
})

test('docker health checks run inside', options, async () => {
  const { engine } = use
  const check = ['--health-cmd', 'test -e /tmp/well', '--health-interval', '300ms', '--health-retries', '1']
  await engine.start('patient', check, 'sleep', '100')
  await engine.waitFor('patient', 'Health.Status', 'unhealthy')
  await engine.text('exec', 'patient', 'touch', '/tmp/well')
  await engine.waitFor('patient', 'Health.Status', 'healthy')
  await engine.remove('patient')
})

test('docker publishes a port of the container', options, async () => {
  const { engine, room } = use
  await engine.start('server', ['--network=bridge', '-p', '127.0.0.1:8080:80'], 'httpd', '-f', '-h', '/www')
  const fetch = ['busybox', 'wget', '-qO-', 'http://127.0.0.1:8080/']
  await eventually(
    async () => (await room.run(fetch)).stdout === 'served by busybox\n',
    () => 'the page is served',
  )
  await engine.remove('server')
})

test('docker volumes, --tmpfs and --read-only are mounts as they say', options, async () => {
  const { engine, room } = use
  const shared = room.path('shared')
  mkdirSync(shared)
  writeFileSync(`${shared}/from-host`, 'host\n')
  const mounts = ['--read-only', '-v', `${shared}:/rw`, '-v', `${shared}:/ro:ro`, '-v', 'named:/named']
  const view = await engine.start('mounted', [...mounts, '--tmpfs', '/scratch:size=1m'], 'sleep', '100')
  assert.ok(view.mount('/').options.includes('ro'))
  assert.ok(view.mount('/ro').options.includes('ro'))
  assert.ok(view.mount('/rw').options.includes('rw'))
  assert.ok(view.mount('/scratch').superOptions.includes('size=1024k'))
  await engine.text('exec', 'mounted', 'sh', '-c', 'cat /ro/from-host | tee /rw/from-container /named/x >/scratch/x')
  for (const place of ['/x', '/ro/x']) assert.equal((await engine.run(['exec', 'mounted', 'touch', place])).code, 1)
  assert.equal(readFileSync(`${shared}/from-container`, 'utf8'), 'host\n')
  await engine.remove('mounted')
  assert.equal(await engine.text('run', '--rm', '-v', 'named:/named', IMAGE, 'cat', '/named/x'), 'host')
  await engine.text('volume', 'rm', 'named')
})

test('docker --user, --cap-drop, --cap-add and seccomp decide what the process may', options, async () => {
  const { engine, room } = use
  const profile = room.path('no-mkdir.json')
  const syscalls = [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }]
  writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }))
  const user = await engine.start('user', ['--user', '1000:1000', '--group-add', '44'], 'sleep', '100')
  assert.equal(user.status('Uid'), '1000 1000 1000 1000')
  assert.ok(user.status('Groups').split(' ').includes('44'))
  assert.equal(user.capabilities('CapEff').size, 0)
  assert.equal(user.status('Seccomp'), '2')
  const words = ['--cap-drop', 'CHOWN', '--cap-add', 'SYS_TIME', '--security-opt', 'no-new-privileges']
  const root = await engine.start('root', [...words, '--security-opt', `seccomp=${profile}`], 'sleep', '100')
  for (const set of ['CapEff', 'CapPrm', 'CapBnd']) {
    assert.equal(root.capabilities(set).has(CAP_SYS_TIME), true, set)
    assert.equal(root.capabilities(set).has(CAP_CHOWN), false, set)
  }
  assert.equal(root.status('NoNewPrivs'), '1')
  assert.match((await engine.run(['exec', 'root', 'mkdir', '/tmp/x'])).stderr, /No space left on device/)
  const none = await engine.start('none', ['--security-opt', 'seccomp=unconfined'], 'sleep', '100')
  assert.equal(none.status('Seccomp'), '0')
  await engine.remove('user', 'root', 'none')
})

test('docker --pid=host, --ipc=container: and the like share namespaces', options, async () => {
  const { engine, room } = use
  const init = new KernelView(room, 1)
  const first = await engine.start('first', ['--ipc=shareable'], 'sleep', '100')
  const words = ['--ipc=container:first', '--pid=container:first', '--network=container:first']
  const second = await engine.start('second', words, 'sleep', '100')
  for (const name of ['ipc', 'pid', 'net']) assert.equal(second.namespace(name), first.namespace(name), name)
  const host = await engine.start('host', ['--pid=host', '--ipc=host', '--uts=host', '--network=host'], 'sleep', '100')
  for (const name of ['pid', 'ipc', 'uts', 'net']) assert.equal(host.namespace(name), init.namespace(name), name)
  // Without a namespace of its own it has no first process that would take the others with it: kill --all must.
  await engine.text('exec', '--detach', 'host', 'sleep', '300')
  await engine.remove('second', 'first', 'host')
})

test('docker --sysctl, --ulimit, --device, --hostname, --shm-size and --init arrive', options, async () => {
  const { engine } = use
  const words = [
    '--sysctl',
    'net.ipv4.ip_default_ttl=77',
    '--ulimit',
    'nofile=100:200',
    '--device',
    '/dev/fuse:/dev/fused',
  ]
  words.push('--hostname', 'named', '--shm-size', '2m', '--init', '--oom-score-adj', '500', '--workdir', '/www')
  const view = await engine.start('fitted', words, 'sh', '-c', 'hostname >/tmp/name; exec sleep 100')
  assert.match(view.read('limits'), /^Max open files\s+100\s+200\s/m)
  assert.ok(statSync(view.file('/dev/fused')).isCharacterDevice())
  assert.ok(view.mount('/dev/shm').superOptions.includes('size=2048k'))
  assert.equal(view.read('oom_score_adj'), '500\n')
  assert.match(view.commandLine[0] ?? '', /docker-init$/)
  await eventually(
    () => existsSync(view.file('/tmp/name')),
    () => 'the shell has run',
  )
  assert.equal(readFileSync(view.file('/tmp/name'), 'utf8'), 'named\n')
  const inside = await engine.text('exec', 'fitted', 'sh', '-c', 'cat /proc/sys/net/ipv4/ip_default_ttl; pwd')
  assert.equal(inside, '77\n/www')
  await engine.remove('fitted')
})

test('docker restarts what fails as often as it was told, and what was killed', options, async () => {
  const { engine, room } = use
  await engine.text(
    'run',
    '--detach',
    '--name',
    'failing',
    '--network',
    'none',
    '--restart',
    'on-failure:2',
    IMAGE,
    'false',
  )
  await eventually(
    async () =>
      (await engine.text('inspect', '--format', '{{.RestartCount}} {{.State.Status}}', 'failing')) === '2 exited',
    () => 'it was restarted twice',
    20_000,
  )
  const view = await engine.start('kept', ['--restart', 'always'], 'sleep', '100')
  await room.text(['kill', '-KILL', String(view.pid)])
  const next = await eventually(
    async () => {
      const now = await engine.run(['inspect', '--format', '{{.State.Pid}}', 'kept'])
      return Number(now.stdout) > 0 && Number(now.stdout) !== view.pid ? new KernelView(room, now.stdout) : undefined
    },
    () => 'another process is there',
    20_000,
  )
  assert.deepEqual(next.commandLine, ['sleep', '100'])
  await engine.remove('failing', 'kept')
})

test(
  'docker checkpoint either saves the processes or says why it cannot, and leaves them running',
  options,
  async () => {
    const { engine, room } = use
    const view = await engine.start('saved', [], 'sleep', '100')
    const works = (await room.run(['criu', 'check'])).code === 0
    const { code, stderr } = await engine.run(['checkpoint', 'create', 'saved', 'first'])
    if (works) {
      assert.equal(code, 0, stderr)
      await engine.waitFor('saved', 'Status', 'exited')
      await engine.text('start', '--checkpoint', 'first', 'saved')
      assert.deepEqual((await engine.view('saved')).commandLine, ['sleep', '100'])
    } else {
      assert.notEqual(code, 0)
      assert.match(stderr, /criu|checkpoint/)
      assert.equal(view.isAlive, true)
      assert.equal(view.isFrozen, false)
      await engine.text('exec', 'saved', 'true')
    }
    await engine.remove('saved')
  },
)

test('docker build runs a command of a build, with BuildKit and without', options, async () => {
  const { engine, room } = use
  const folder = room.path('build')
  mkdirSync(folder)
  writeFileSync(`${folder}/Dockerfile`, `FROM ${IMAGE}\nRUN echo built > /built && test $(id -u) = 0\n`)
  for (const kit of ['0', '1']) {
    const before = room.calls().length
    const env = { DOCKER_BUILDKIT: kit }
    const { code, stderr } = await engine.run(['build', '--quiet', '--no-cache', '--tag', 'built', folder], { env })
    assert.equal(code, 0, stderr)
    const form = kit === '1' ? / run --bundle \S+ \S+$/ : / create --bundle \S+ --pid-file \S+ \S+$/
    assert.ok(
      room
        .calls()
        .slice(before)
        .some((call) => form.test(call)),
      room.calls().slice(before).join('\n'),
    )
    assert.equal(await engine.text('run', '--rm', 'built', 'cat', '/built'), 'built')
    await engine.text('rmi', '--force', 'built')
  }
})
