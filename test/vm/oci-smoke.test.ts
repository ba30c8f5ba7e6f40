import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { ConsoleSocket } from '../support/console-socket.ts'
import { eventually } from '../support/eventually.ts'
import { usualMounts, writeConfig } from '../support/oci-bundle.ts'
import {
  bundle,
  type Bundle,
  type Changes,
  container,
  created,
  ociOk,
  run,
  scratch,
  script,
  undoAfterTest,
  useOci,
} from '../support/oci.ts'
import { isAlive } from '../support/proc.ts'

// The runtime where cgroup v2 has controllers, under a kernel of Debian.

useOci()

const MIB = 2 ** 20
const read = (path: string): string => readFileSync(path, 'utf8').trim()
const fileOf = (made: Bundle, name: string): string => read(`/sys/fs/cgroup${made.cgroup}/${name}`)
const denied = [{ allow: false, access: 'rwm' }]

test('a container on cgroup v2 is created, started, entered, killed and deleted', async () => {
  const text = 'trap "echo ended; exit 3" TERM; echo begun; while :; do sleep 0.1; done'
  const one = created({ process: script(text) })
  assert.equal(one.state().status, 'created')
  assert.equal(one.output, '')
  assert.ok(fileOf(one.bundle, 'cgroup.procs').split('\n').includes(String(one.pid)))
  one.start()
  await eventually(
    () => one.output === 'begun\n',
    () => one.output,
  )
  const state = one.state()
  assert.deepEqual([state.status, state.pid], ['running', one.pid])
  const { status, stdout } = one.exec(['/bin/sh', '-c', 'hostname; exit 7'])
  assert.deepEqual([status, stdout], [7, 'carrel-test\n'])
  one.kill('TERM')
  assert.equal(await one.ended(), 'begun\nended\n')
  assert.equal(one.state().status, 'stopped')
  one.delete()
  assert.ok(!existsSync(`/sys/fs/cgroup${one.bundle.cgroup}`))
})

test('limits are in the files of the group, devices are denied, and more processes than allowed are refused', () => {
  const resources = {
    devices: denied,
    memory: { limit: 64 * MIB, swap: 96 * MIB, reservation: 32 * MIB },
    cpu: { shares: 512, quota: 25_000, period: 50_000 },
    pids: { limit: 20 },
    unified: { 'memory.high': String(60 * MIB) },
  }
  const one = container({ linux: { resources } })
  const files = ['memory.max', 'memory.swap.max', 'memory.low', 'memory.high', 'cpu.max', 'pids.max']
  assert.deepEqual(
    files.map((file) => fileOf(one.bundle, file)),
    [String(64 * MIB), String(32 * MIB), String(32 * MIB), String(60 * MIB), '25000 50000', '20'],
  )
  const tried = one.exec([
    '/bin/sh',
    '-c',
    'mknod /tmp/kmsg c 1 11; cat /tmp/kmsg; mknod /tmp/null c 1 3 && echo x >/tmp/null',
  ])
  assert.match(tried.stderr, /kmsg: Operation not permitted/)
  const forks = one.exec(['/bin/sh', '-c', 'for i in $(seq 30); do sleep 5 & done; echo all'])
  assert.match(forks.stderr, /can't fork/)
  ociOk(['update', '--memory', String(128 * MIB), '--pids-limit', '30', one.id])
  assert.deepEqual(
    ['memory.max', 'pids.max'].map((file) => fileOf(one.bundle, file)),
    [String(128 * MIB), '30'],
  )
})

test('run in the foreground gives the status of its program, and of one that is killed for its memory', () => {
  const ended = run({ process: script('echo out; echo err >&2; exit 5') })
  assert.deepEqual([ended.status, ended.stdout, ended.stderr], [5, 'out\n', 'err\n'])
  const resources = { memory: { limit: 16 * MIB, swap: 16 * MIB } }
  const outgrown = run({ process: script('a=x; while :; do a=$a$a; done'), linux: { resources } })
  assert.equal(outgrown.status, 137, outgrown.stderr)
})

test('a cgroup namespace and a mount of it begin at the group of the container', () => {
  const made = bundle({
    process: script('cat /proc/self/cgroup /sys/fs/cgroup/pids.max; grep -c . /sys/fs/cgroup/cgroup.procs'),
    mounts: [...usualMounts(), { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] }],
    linux: {
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
      resources: { pids: { limit: 33 } },
    },
  })
  const { stdout, stderr } = run(made)
  assert.match(stdout, /^0::\/\n33\n\d+\n$/, stderr)
  writeConfig(made.path, {
    ...made.config,
    process: { ...(made.config['process'] as object), args: ['sleep', '1000'] },
  })
  const one = container(made)
  const entered = one.exec(['cat', '/proc/self/cgroup', '/sys/fs/cgroup/pids.max'])
  assert.equal(entered.stdout, '0::/\n33\n', entered.stderr)
})

test('a seccomp filter answers with the error of its rule', () => {
  const seccomp = {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }],
  }
  const { stderr, stdout } = run({
    process: script('mkdir /tmp/x; sed -n "s/^Seccomp:.//p" /proc/self/status'),
    linux: { seccomp },
  })
  assert.match(stderr, /No space left on device/)
  assert.equal(stdout, '2\n')
})

test('a terminal is sent to the console socket', async () => {
  const console = await ConsoleSocket.listen()
  const process = {
    ...script('stty size; read line; echo "got $line"'),
    terminal: true,
    consoleSize: { height: 30, width: 90 },
  }
  const one = container({ process }, { words: ['--console-socket', console.path] })
  await console.shows(/30 90/)
  console.write('word\n')
  await console.shows(/got word/)
  await one.ended()
})

const FIXTURES = join(import.meta.dirname, '../oci/fixtures')

interface Fixture {
  readonly process: Changes
  readonly mounts: readonly { readonly source?: string; readonly destination: string; readonly type?: string }[]
  readonly linux: Changes & {
    readonly cgroupsPath?: string
    readonly namespaces: readonly { readonly path?: string }[]
  }
  readonly hooks?: Readonly<Record<string, readonly Changes[]>>
}

test('every configuration that engines have given is created, started and deleted', async () => {
  const base = bundle()
  const files = readdirSync(FIXTURES).filter((name) => name.endsWith('.json'))
  const exec = files.filter((name) => name.endsWith('-process.json'))
  for (const name of files.filter((each) => each.endsWith('-config.json'))) {
    const made = place(base, name)
    const terminal = made.config['process'] as { readonly terminal?: boolean }
    const socket = terminal.terminal ? await ConsoleSocket.listen() : undefined
    const one = created(made, socket ? { words: ['--console-socket', socket.path] } : {})
    one.start()
    for (const file of exec.filter((each) => each.split('-')[0] === name.split('-')[0] && name.includes('-none-'))) {
      const text = JSON.parse(read(join(FIXTURES, file))) as Changes
      writeFileSync(join(made.path, file), JSON.stringify({ ...text, ...script('exit 9'), terminal: false }))
      assert.equal(one.exec([], ['--process', join(made.path, file)]).status, 9, file)
    }
    const { pid } = one
    assert.ok(isAlive(pid), name)
    one.delete('--force')
    assert.ok(!isAlive(pid), name)
    socket?.close()
  }
})

/** A bundle of a fixture: its sources, groups, hooks and root are replaced by some that are here. */
function place(base: Bundle, name: string): Bundle {
  const path = scratch('fixture')
  const cgroup = `${base.cgroup}-${name.replace(/-config\.json$/, '')}`
  mkdirSync(join(path, 'sources'), { recursive: true })
  undoAfterTest(() => rmSync(path, { recursive: true }))
  const text = JSON.parse(read(join(FIXTURES, name))) as Fixture
  const mounts = text.mounts.map((mount, index) => {
    if (!mount.source?.startsWith('/')) return mount
    const source = join(path, 'sources', String(index))
    const target = join(base.root, mount.destination)
    if (basename(mount.source) === 'shm') [source, target].forEach((each) => mkdirSync(each, { recursive: true }))
    else {
      mkdirSync(dirname(target), { recursive: true })
      if (!mount.destination.startsWith('/dev/')) writeFileSync(target, '', { flag: 'a' })
      copyFileSync('/etc/hostname', source)
    }
    return { ...mount, source }
  })
  const hooks = Object.entries(text.hooks ?? {}).map(([kind, list]) => [
    kind,
    list.map((hook) => ({ ...hook, path: '/bin/true' })),
  ])
  const config = {
    ...text,
    root: { ...((text as unknown as Changes)['root'] as object), path: base.root },
    process: { ...text.process, ...script('sleep 1000') },
    mounts,
    hooks: Object.fromEntries(hooks) as Changes,
    linux: { ...text.linux, cgroupsPath: cgroup },
  }
  writeConfig(path, config)
  return { path, root: base.root, cgroup, config }
}
