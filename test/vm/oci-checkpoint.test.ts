import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import {
  bundle,
  type Bundle,
  type Changes,
  oci,
  ociOk,
  type Outcome,
  RUNTIME,
  scratch,
  script,
  startOci,
  type State,
  stateRoot,
  undoAfterTest,
  useOci,
} from '../support/oci.ts'
import { usualMounts } from '../support/oci-bundle.ts'
import { isAlive } from '../support/proc.ts'
import { requires } from '../support/requires.ts'

useOci()

const CRIU = requires({ root: true, program: '/usr/sbin/criu' })

/** criu(8) and what it runs take seconds where the processor is software */
const SLOW_MS = 30_000
const COUNT = 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done'
const NAMESPACES = ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type }))

const criu = (words: readonly string[]): Outcome => oci(words, { timeoutMs: SLOW_MS })
const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '')
const lines = (path: string): readonly string[] => read(path).split('\n').filter(Boolean)
const stateOf = (id: string): State => JSON.parse(ociOk(['state', id]).stdout) as State
/** Lines that are whole and numbers */
const numbers = (path: string): readonly number[] =>
  lines(path)
    .slice(0, -1)
    .filter((line) => /^\d+$/.test(line))
    .map(Number)

/** Runs a command whose container has a pipe for its output, as engines give it; gives the file that somebody copies it to. */
async function piped(words: readonly string[]): Promise<{ readonly output: string; readonly status: () => string }> {
  const [output, status] = [scratch('piped'), scratch('status')]
  const line = '("$@" </dev/null 2>&1; echo $? >"$STATUS") | cat >"$OUTPUT" &'
  const all = ['-c', line, 'sh', ...RUNTIME.command, '--root', stateRoot(), ...words]
  const env = { PATH: process.env['PATH'] ?? '', OUTPUT: output, STATUS: status }
  spawnSync('/bin/sh', all, { env, stdio: 'ignore' })
  return { output, status: () => read(status).trim() }
}

interface Running {
  readonly id: string
  readonly made: Bundle
  readonly images: string
  /** File of what it has written */
  readonly output: string
}

async function running(changes: Changes = script(COUNT), prepare?: (root: string) => void): Promise<Running> {
  const { args, ...rest } = changes
  const made = bundle({ ...rest, process: { args } }, prepare ? { prepare } : {})
  const id = basename(made.cgroup)
  undoAfterTest(() => void oci(['delete', '--force', id]))
  const { output, status } = await piped(['create', '--bundle', made.path, id])
  await eventually(
    () => status() === '0',
    () => `create: ${status()} ${read(output)}`,
    SLOW_MS,
  )
  ociOk(['start', id])
  await counts(output, 3)
  return { id, made, images: join(made.path, 'images'), output }
}

const counts = (output: string, more: number): Promise<unknown> =>
  eventually(
    () => lines(output).length >= more,
    () => `${more} lines in ${read(output)}`,
    SLOW_MS,
  )

function dump({ id, images }: Running, ...flags: readonly string[]): void {
  const { status, stderr } = criu(['checkpoint', '--image-path', images, ...flags, id])
  assert.equal(status, 0, `${stderr}\n${read(join(images, 'dump.log')).split('\n').slice(-20).join('\n')}`)
}

/** Restores in the background; what the container writes from then on is in the file. */
async function restored({ id, made, images }: Running, ...flags: readonly string[]) {
  const pidFile = join(made.path, 'pid')
  const words = ['restore', '--detach', '--bundle', made.path, '--image-path', images, '--pid-file', pidFile]
  const { output, status } = await piped([...words, ...flags, id])
  await eventually(
    () => status() === '0',
    () => `restore: ${status()} ${read(output)}`,
    SLOW_MS,
  )
  return { output, pid: Number(read(pidFile)) }
}

test(
  'a checkpoint ends the container, and a restore goes on where it was, with everything that it had',
  CRIU,
  async () => {
    const source = scratch('source')
    mkdirSync(source)
    writeFileSync(join(source, 'word'), 'bound\n')
    undoAfterTest(() => rmSync(source, { recursive: true }))
    const hooks = scratch('hooks')
    const told = (kind: string): object => {
      const note = `P=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/'); echo ${kind} $(sed -n 's/^State:.//p' /proc/$P/status) >>${hooks}`
      return [{ path: '/bin/sh', args: ['sh', '-c', note], env: ['PATH=/bin:/usr/bin'] }]
    }
    const text = `i=0; while :; do i=$((i+1)); echo $i $(cat /var/run/data/word) $(cat /proc/self/cgroup); sleep 0.1; done`
    const one = await running(
      {
        ...script(text),
        mounts: [
          ...usualMounts(),
          { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] },
          { destination: '/var/run/data', type: 'bind', source, options: ['rbind', 'ro'] },
        ],
        hooks: Object.fromEntries(['prestart', 'createRuntime', 'poststop'].map((kind) => [kind, told(kind)])),
        linux: {
          namespaces: [...NAMESPACES, { type: 'cgroup' }],
          resources: {
            devices: [{ allow: false, access: 'rwm' }],
            memory: { limit: 64 * 2 ** 20 },
            pids: { limit: 4 },
          },
        },
      },
      // The mount is where a link of the image leads to.
      (root) => {
        mkdirSync(join(root, 'run/data'), { recursive: true })
        symlinkSync('../run', join(root, 'var/run'))
      },
    )
    const before = stateOf(one.id)
    dump(one)
    assert.equal(stateOf(one.id).status, 'stopped')
    await eventually(
      () => !isAlive(before.pid ?? 0),
      () => 'it runs still',
    )
    const last = Number((lines(one.output).at(-1) ?? '').split(' ')[0])
    ociOk(['delete', one.id])
    rmSync(hooks)

    const { output, pid } = await restored(one)
    await counts(output, 3)
    const [number, ...rest] = (lines(output)[1] ?? '').split(' ')
    assert.ok(Number(number) >= last && Number(number) < last + 5, `${number} after ${last}`)
    assert.deepEqual(rest, ['bound', '0::/'])
    const state = stateOf(one.id)
    assert.deepEqual([state.status, state.pid], ['running', pid])
    const files = ['pids.max', 'memory.max'].map((file) => read(`/sys/fs/cgroup${one.made.cgroup}/${file}`).trim())
    assert.deepEqual(files, ['4', String(64 * 2 ** 20)])
    assert.ok(read(`/sys/fs/cgroup${one.made.cgroup}/cgroup.procs`).split('\n').includes(String(pid)))
    const inside = ociOk([
      'exec',
      one.id,
      '/bin/sh',
      '-c',
      'cat /sys/fs/cgroup/pids.max; echo x >/var/run/data/new || :; cat /dev/mem || :',
    ])
    assert.equal(inside.stdout, '4\n')
    assert.match(inside.stderr, /new: Read-only file system[^]*(?:No such file|not permitted)/)
    ociOk(['delete', '--force', one.id])
    // Hooks of a restore find the processes standing still.
    assert.deepEqual(
      read(hooks)
        .split('\n')
        .map((line) => line.split(' ').slice(0, 2).join(' '))
        .slice(0, 2),
      ['prestart T', 'createRuntime T'],
    )
    assert.match(read(hooks), /^poststop/m)
  },
)

test(
  'a container is left running by a pre-dump and by request; images refer to earlier ones; a restore in the foreground stays',
  CRIU,
  async () => {
    const one = await running()
    const earlier = join(one.made.path, 'earlier')
    dump({ ...one, images: earlier }, '--pre-dump')
    assert.equal(stateOf(one.id).status, 'running')
    dump(one, '--leave-running', '--parent-path', '../earlier')
    const { pid } = stateOf(one.id)
    assert.equal(stateOf(one.id).status, 'running')
    assert.equal(readlinkSync(join(one.images, 'parent')), '../earlier')
    const saved = lines(one.output).length
    await counts(one.output, saved + 3)
    ociOk(['delete', '--force', one.id])
    assert.ok(!isAlive(pid ?? 0))

    const { output, status } = await piped(['restore', '--bundle', one.made.path, '--image-path', one.images, one.id])
    await counts(output, 3)
    const [first = 0] = numbers(output)
    assert.ok(first > 2 && first <= saved + 2, `${first} with ${saved} before`)
    assert.equal(status(), '')
    ociOk(['kill', one.id, 'KILL'])
    await eventually(
      () => status() === '137',
      () => `restore ended with ${status()}`,
    )
    assert.notEqual(oci(['state', one.id]).status, 0)
  },
)

test('a TCP connection of the container goes on with --tcp-established, and is refused without', CRIU, async () => {
  const talk = `ip link set lo up; nc -l -p 9999 -e cat & sleep 0.5; (${COUNT}) | nc 127.0.0.1 9999`
  const capabilities = Object.fromEntries(['bounding', 'effective', 'permitted'].map((set) => [set, ['CAP_NET_ADMIN']]))
  const made = bundle({ process: { ...script(talk), capabilities } })
  const id = basename(made.cgroup)
  undoAfterTest(() => void oci(['delete', '--force', id]))
  const { output } = await piped(['create', '--bundle', made.path, id])
  await eventually(
    () => oci(['state', id]).status === 0,
    () => read(output),
    SLOW_MS,
  )
  ociOk(['start', id])
  await counts(output, 3)
  const one = { id, made, images: join(made.path, 'images'), output }
  const refused = criu(['checkpoint', '--image-path', one.images, id])
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /criu dump failed \(status 1\): .*--tcp-established.*; all of it is in .*\/dump\.log/)
  // It goes on as if nothing had been asked, and what was begun is no checkpoint.
  assert.equal(stateOf(id).status, 'running')
  await counts(output, lines(output).length + 2)
  assert.ok(!existsSync(join(one.images, 'inventory.img')))
  dump(one, '--tcp-established')
  const last = numbers(output).at(-1) ?? 0
  ociOk(['delete', id])
  const again = await restored(one, '--tcp-established')
  await counts(again.output, 5)
  const [first = 0] = numbers(again.output)
  assert.ok(first >= last && first < last + 5, `${first} after ${last}`)
})

test(
  'namespaces that were joined are joined again: network by its descriptor, ipc and uts by their paths',
  CRIU,
  async () => {
    const other = await running({ ...script(COUNT) })
    const holder = stateOf(other.id).pid ?? 0
    const paths = { network: `/proc/${holder}/ns/net`, ipc: `/proc/${holder}/ns/ipc`, uts: `/proc/${holder}/ns/uts` }
    const namespaces = [
      ...Object.entries(paths).map(([type, path]) => ({ type, path })),
      { type: 'pid' },
      { type: 'mount' },
    ]
    const one = await running({ ...script(COUNT), hostname: undefined, linux: { namespaces } })
    dump(one)
    ociOk(['delete', one.id])
    const { pid, output } = await restored(one)
    await counts(output, 2)
    for (const type of ['net', 'ipc', 'uts']) {
      assert.equal(readlinkSync(`/proc/${pid}/ns/${type}`), readlinkSync(`/proc/${holder}/ns/${type}`))
    }
  },
)

test('a container with users of its own is written and restored', CRIU, async () => {
  const map = [{ containerID: 0, hostID: 100_000, size: 65_536 }]
  const linux = { namespaces: [...NAMESPACES, { type: 'user' }], uidMappings: map, gidMappings: map }
  const one = await running({ ...script(COUNT), linux })
  dump(one)
  assert.deepEqual([statSync(one.images).mode & 0o777, statSync(one.images).gid], [0o710, 100_000])
  ociOk(['delete', one.id])
  const { output, pid } = await restored(one)
  await counts(output, 2)
  assert.equal(statSync(`/proc/${pid}`).uid, 100_000)
})

test('what cannot be written or restored is refused, and nothing comes of it', CRIU, async () => {
  const one = await running()
  const without = oci(['--criu', '/no/such/criu', 'checkpoint', '--image-path', one.images, one.id])
  assert.equal(without.status, 1)
  assert.match(without.stderr, /criu\(8\) cannot be executed: \\"\/no\/such\/criu\\" \(ENOENT\): install it/)
  assert.equal(stateOf(one.id).status, 'running')
  ociOk(['exec', '--detach', one.id, '/bin/sleep', '1000'])
  const { status, stderr } = criu(['checkpoint', '--image-path', one.images, one.id])
  assert.equal(status, 0, stderr)
  assert.match(stderr, /does not hold processes that exec has made: \d+/)
  const stopped = oci(['checkpoint', '--image-path', one.images, one.id])
  assert.match(stopped.stderr, /that is stopped/)
  ociOk(['delete', one.id])

  const restore = (...words: readonly string[]): Outcome =>
    criu(['restore', '--bundle', one.made.path, ...words, one.id])
  const nothing = (outcome: Outcome, message: RegExp): void => {
    assert.equal(outcome.status, 1)
    assert.match(outcome.stderr, message)
    assert.notEqual(oci(['state', one.id]).status, 0)
    assert.ok(!existsSync(`/sys/fs/cgroup${one.made.cgroup}`))
  }
  nothing(restore('--image-path', join(one.made.path, 'none')), /holds no checkpoint: no such file or directory/)
  rmSync(join(one.images, 'pages-1.img'))
  nothing(restore('--image-path', one.images), /criu restore failed \(status 1\): .*Error.*restore\.log/)

  const sockets = await openSocketContainer()
  const refused = oci(['checkpoint', sockets])
  assert.match(refused.stderr, /Standard stream 0 is a socket of another network namespace.*give the container pipes/)
})

/** A created and started container whose standard streams are sockets, as Node makes them. */
async function openSocketContainer(): Promise<string> {
  const made = bundle()
  const id = basename(made.cgroup)
  undoAfterTest(() => void oci(['delete', '--force', id]))
  const child = startOci(['create', '--bundle', made.path, id])
  await new Promise((settle) => child.once('exit', settle))
  ociOk(['start', id])
  return id
}

test('delete --force ends what a restore that was killed has made so far', CRIU, async () => {
  const one = await running()
  dump(one)
  ociOk(['delete', one.id])
  const group = `/sys/fs/cgroup${one.made.cgroup}/cgroup.procs`
  const child = startOci(['restore', '--detach', '--bundle', one.made.path, '--image-path', one.images, one.id])
  await eventually(
    () => read(group).trim() !== '',
    () => 'nobody is in the group',
    SLOW_MS,
  )
  child.kill('SIGKILL')
  await once(child, 'exit')
  ociOk(['delete', '--force', one.id])
  assert.equal(existsSync(group), false)
  assert.equal(existsSync(join(stateRoot(), one.id)), false)
})
