import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import { isAlive } from '../support/proc.ts'
import {
  bundle,
  created,
  oci,
  ociOk,
  run,
  RUNTIME,
  scratch,
  script,
  startOci,
  type State,
  stateRoot,
  undoAfterTest,
  useOci,
} from '../support/oci.ts'

useOci()

const TRIES = 12

/** Groups of this name in all hierarchies */
const groupsOf = (cgroup: string): readonly string[] =>
  readdirSync('/sys/fs/cgroup')
    .map((hierarchy) => join('/sys/fs/cgroup', hierarchy, cgroup))
    .filter((path) => existsSync(path))

const hook = (text: string) => ({ path: '/bin/sh', args: ['sh', '-c', text], env: [`PATH=${process.env['PATH']}`] })

const linesOf = (path: string): readonly string[] =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []

const ended = async (child: ChildProcess): Promise<number | null> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode
}

test('delete --force removes what a command that was killed at any moment has left, groups too', async () => {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    for (const command of [['create'], ['run', '--detach']]) {
      const made = bundle()
      const id = basename(made.cgroup)
      const child = startOci([...command, '--bundle', made.path, id])
      await sleep(2 + attempt)
      child.kill('SIGKILL')
      await ended(child)
      ociOk(['delete', '--force', id])
      assert.deepEqual(groupsOf(made.cgroup), [], `${command[0]} killed after ${2 + attempt} ms`)
      assert.equal(existsSync(join(stateRoot(), id)), false)
    }
  }
})

test('delete --force kills and removes by the record that a creation makes ahead', () => {
  const one = created()
  const { pid } = one
  const file = join(stateRoot(), one.id, 'state.json')
  const record = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  assert.notDeepEqual(record['groups'], [])
  // As a class of resctrl is: a directory that goes by rmdir(2).
  const closDirectory = scratch('class')
  mkdirSync(closDirectory)
  const ahead = JSON.stringify({ ...record, pid: 0, startTime: 0, closDirectory })
  rmSync(file)
  writeFileSync(file, ahead, { mode: 0o600 })
  assert.match(oci(['state', one.id]).stderr, /is not complete/)
  assert.notEqual(oci(['delete', one.id]).status, 0)
  one.delete('--force')
  assert.deepEqual(groupsOf(one.bundle.cgroup), [])
  assert.equal(existsSync(closDirectory), false)
  assert.equal(isAlive(pid), false)
})

test('delete --force needs no configuration; delete without it does', () => {
  const one = created({ process: script('exit 0') })
  rmSync(join(stateRoot(), one.id, 'config.json'))
  one.kill()
  assert.match(oci(['delete', one.id]).stderr, /configuration .* does not exist/)
  one.delete('--force')
})

test('delete --of removes no other container of that id', () => {
  const one = created()
  ociOk(['delete', '--force', one.id, '--of', '1:1'])
  assert.equal(one.state().status, 'created')
  const { pid, startTime } = JSON.parse(readFileSync(join(stateRoot(), one.id, 'state.json'), 'utf8')) as {
    pid: number
    startTime: number
  }
  assert.equal(oci(['delete', '--force', one.id, '--of', `${pid}:${startTime}`, '--exit-code', '7']).status, 7)
  assert.notEqual(oci(['state', one.id]).status, 0)
})

test('a run that was deleted by somebody else does not remove the container that has its id by then', async () => {
  const made = bundle()
  const id = basename(made.cgroup)
  const child = startOci(['run', '--bundle', made.path, id])
  // Before that it has the lock of the container, and whoever deletes waits for it.
  await eventually(
    () => readlinkSync(`/proc/${child.pid}/exe`).startsWith('/memfd:'),
    () => 'the agent does not stand in for the command',
  )
  // It stands still while another takes the place of its container.
  process.kill(child.pid as number, 'SIGSTOP')
  ociOk(['delete', '--force', id])
  const next = created(made, { id })
  process.kill(child.pid as number, 'SIGCONT')
  assert.equal(await ended(child), 137)
  assert.equal(next.state().status, 'created')
  assert.equal(isAlive(next.pid), true)
})

test('poststop hooks run once, at the failure of start or of run', () => {
  const failures = {
    startContainer: { startContainer: [{ path: '/bin/false' }] },
    poststart: { poststart: [hook('exit 7')] },
  }
  for (const [kind, hooks] of Object.entries(failures)) {
    const [first, second] = [scratch('notes'), scratch('notes')]
    const one = created({ hooks: { ...hooks, poststop: [hook(`echo poststop >> ${first}`)] } })
    assert.notEqual(oci(['start', one.id]).status, 0)
    assert.equal(one.state().status, 'stopped', kind)
    one.delete()
    assert.deepEqual(linesOf(first), ['poststop'], kind)
    assert.notEqual(run({ hooks: { ...hooks, poststop: [hook(`echo poststop >> ${second}`)] } }).status, 0)
    assert.deepEqual(linesOf(second), ['poststop'], kind)
  }
})

test('start says of a gate that a killed start has left that the container was started already', () => {
  const one = created()
  const gate = join(stateRoot(), one.id, 'start.sock')
  const kept = `${gate}.kept`
  // As a start leaves it that is killed between both calls.
  linkSync(gate, kept)
  one.start()
  renameSync(kept, gate)
  assert.equal(one.state().status, 'created')
  assert.match(oci(['start', one.id]).stderr, /was started already/)
  assert.equal(one.state().status, 'running')
})

test('--preserve-fds hands on what the caller gave, and nothing that the runtime opened', () => {
  const refusal = run({}, { words: ['--preserve-fds', '1'] })
  assert.notEqual(refusal.status, 0)
  assert.match(refusal.stderr, /3 is not open/)
  // The engine has opened what there is behind.
  assert.notEqual(run({}, { words: ['--preserve-fds', '3'] }).status, 0)
  const file = openSync('/dev/zero', 'r')
  try {
    const list = script('ls /proc/self/fd; echo fds=$LISTEN_FDS')
    const given = run({ process: list }, { words: ['--preserve-fds', '1'], descriptors: [file] })
    assert.equal(given.status, 0, given.stderr)
    // 4 is the folder that ls reads.
    assert.deepEqual(given.stdout.trim().split(/\s+/), ['0', '1', '2', '3', '4', 'fds='])
  } finally {
    closeSync(file)
  }
})

test('sockets of LISTEN_FDS are handed on with their variables, those of another process are not', () => {
  const file = openSync('/dev/zero', 'r')
  const env = { PATH: process.env['PATH'] ?? '', LISTEN_FDS: '1' }
  try {
    const ask = { process: script('readlink /proc/self/fd/3; echo $LISTEN_FDS $LISTEN_PID') }
    assert.equal(run(ask, { env, descriptors: [file] }).stdout, '/dev/zero\n1 1\n')
    assert.equal(run(ask, { env: { ...env, LISTEN_PID: '1' }, descriptors: [file] }).stdout, '\n')
  } finally {
    closeSync(file)
  }
})

test('a run in the background goes on when the shell that began it has ended', async () => {
  const made = bundle({ linux: { namespaces: [{ type: 'mount' }, { type: 'uts' }] } })
  const id = basename(made.cgroup)
  undoAfterTest(() => void oci(['delete', '--force', id]))
  const words = [...RUNTIME.command, '--root', stateRoot(), 'run', '--bundle', made.path, id]
  const shell = spawn('/bin/sh', ['-c', '"$@" & read line', 'sh', ...words], { stdio: ['pipe', 'ignore', 'ignore'] })
  const state = (): string => oci(['state', id]).stdout
  await eventually(() => state().includes('running'), state)
  // Until the command has become the agent, whose signal it was.
  const { pid } = JSON.parse(state()) as State
  const parent = (): string => /^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''
  await eventually(() => readFileSync(`/proc/${parent()}/comm`, 'utf8') === 'carrel\n', parent)
  shell.stdin.end('\n')
  await ended(shell)
  await sleep(100)
  assert.match(state(), /running/)
})

test('processes that outlive the first one in the pid namespace of the host end with the container', () => {
  const outlive = { linux: { namespaces: [{ type: 'mount' }, { type: 'uts' }] } }
  const done = run({ ...outlive, process: script('setsid sleep 1000 & echo $!; exit 5') })
  assert.equal(done.status, 5, done.stderr)
  assert.equal(isAlive(Number(done.stdout)), false)
  const one = created({ ...outlive, process: script('setsid sleep 1000 & echo $!; exit 5') }).start()
  for (let look = 0; one.state().status !== 'stopped' && look < 500; look++) continue
  const pid = Number(one.output)
  assert.equal(isAlive(pid), true)
  one.delete()
  assert.equal(isAlive(pid), false)
})

test('a signal to a command that waits reaches its process from the first moment on', async () => {
  const answers = "trap 'exit 9' TERM; echo here; while :; do sleep 0.02; done"
  const one = created({ process: script('sleep 1000') }).start()
  for (let attempt = 0; attempt < 5; attempt++) {
    const made = bundle({ process: script(answers) })
    const words = ['run', '--bundle', made.path, basename(made.cgroup)]
    const child = startOci(attempt % 3 === 2 ? ['exec', one.id, '/bin/sh', '-c', answers] : words)
    await once(child.stdout as NonNullable<typeof child.stdout>, 'data')
    child.kill('SIGTERM')
    const lost = globalThis.setTimeout(() => child.kill('SIGKILL'), 20_000)
    assert.equal(await ended(child), 9, `${words[0]} ${attempt}`)
    clearTimeout(lost)
  }
})

test('exec --process without capabilities has those of the container', () => {
  const one = created({ process: { capabilities: { bounding: ['CAP_KILL'], permitted: ['CAP_KILL'] } } }).start()
  const args = ['/bin/grep', '^Cap', '/proc/self/status']
  const file = join(one.bundle.path, 'process.json')
  writeFileSync(file, JSON.stringify({ args, cwd: '/', user: { uid: 0, gid: 0 } }))
  const { status, stdout, stderr } = one.exec([], ['--process', file])
  assert.equal(status, 0, stderr)
  assert.equal(stdout, one.exec(args).stdout)
  assert.match(stdout, /^CapPrm:\t0000000000000020$/m)
})

test('what an exec has noted goes with a container that run waits for', async () => {
  const made = bundle({ process: script('echo here; sleep 1000') })
  const id = basename(made.cgroup)
  const child = startOci(['run', '--bundle', made.path, id])
  await once(child.stdout as NonNullable<typeof child.stdout>, 'data')
  assert.equal(oci(['exec', '--cap', 'CAP_SYS_PTRACE', id, '/bin/true']).status, 0)
  assert.ok(existsSync(join(stateRoot(), id, 'tracer')))
  assert.equal(oci(['kill', id, 'KILL']).status, 0)
  await ended(child)
  assert.deepEqual(readdirSync(stateRoot()), [])
})
