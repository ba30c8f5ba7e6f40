import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  bundle,
  type Container,
  container,
  created,
  oci,
  startOci,
  stateRoot,
  undoAfterTest,
  uniqueName,
  useOci,
} from '../support/oci.ts'
import { isAlive } from '../support/proc.ts'
import { listing, Outside } from './outside.ts'

useOci()

/** A process of the host that has nothing to do with any container. */
function bystander(): ChildProcess {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
  undoAfterTest(() => void child.kill('SIGKILL'))
  return child
}

/** The files of a container's state that name its pid; runtimes call them differently. */
function filesWith(one: Container, pid: number): readonly string[] {
  const folder = join(stateRoot(), one.id)
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile() && new RegExp(`\\b${pid}\\b`).test(readFileSync(file, 'utf8')))
}

// CVE-2025-24965 and others: an id is a part of paths.
test('ids that are paths, or more than one line, or options, are refused', () => {
  const outside = new Outside()
  const before = listing(stateRoot())
  const { path } = bundle()
  const ids = [
    '',
    '.',
    '..',
    '/',
    'a/b',
    '../x',
    `../..${outside.path}/x`,
    'a\nb',
    'a b',
    'a\tb',
    '.a/..',
    'é',
    'x'.repeat(2000),
    '-rf',
    '--help ',
  ]
  for (const id of ids) {
    for (const words of [
      ['create', '--bundle', path, id],
      ['state', id],
      ['kill', id, 'KILL'],
      ['start', id],
    ]) {
      const outcome = oci(words)
      assert.ok(outcome.status !== null && outcome.status !== 0, `${words[0]} ${JSON.stringify(id)}`)
    }
  }
  oci(['delete', '--force', `../..${outside.path}`])
  outside.assertUntouched('ids')
  assert.deepEqual(listing(stateRoot()), before)
})

test('the state directory and what is in it are for its owner alone', () => {
  const one = created()
  const modes = [stateRoot(), join(stateRoot(), one.id)].map((path) => statSync(path).mode & 0o077)
  assert.deepEqual(modes, [0, 0])
  for (const name of readdirSync(join(stateRoot(), one.id))) {
    assert.equal(statSync(join(stateRoot(), one.id, name)).mode & 0o022, 0, name)
  }
})

test('a link in the place of a state leads nowhere', () => {
  const outside = new Outside()
  const id = uniqueName()
  symlinkSync(outside.path, join(stateRoot(), id))
  const { path } = bundle()
  for (const words of [
    ['state', id],
    ['kill', id, 'KILL'],
    ['create', '--bundle', path, id],
    ['delete', '--force', id],
  ])
    oci(words)
  outside.assertUntouched('a link')
  rmSync(join(stateRoot(), id), { force: true })
})

test('links, FIFOs, folders, nothing and nonsense in the place of the files of a state are errors', () => {
  const outside = new Outside()
  const poisons: Readonly<Record<string, (file: string) => void>> = {
    link: (file) => symlinkSync(join(outside.path, 'secret'), file),
    folder: (file) => mkdirSync(file),
    nothing: () => {},
    empty: (file) => writeFileSync(file, ''),
    nonsense: (file) => writeFileSync(file, '{"pid": "\u0000'),
    deep: (file) => writeFileSync(file, '['.repeat(100_000)),
    fifo: (file) => void spawnFifo(file),
  }
  for (const [name, poison] of Object.entries(poisons)) {
    const one = created()
    const [file = ''] = filesWith(one, one.pid)
    renameSync(file, `${file}.kept`)
    poison(file)
    for (const words of [
      ['state', one.id],
      ['start', one.id],
      ['kill', one.id, 'KILL'],
      ['exec', one.id, '/bin/true'],
    ]) {
      const outcome = oci(words, { timeoutMs: 15_000 })
      assert.ok(outcome.status !== null && outcome.status !== 0, `${name}: ${words[0]} ended with ${outcome.status}`)
    }
    assert.ok(isAlive(one.pid), name)
    rmSync(file, { recursive: true, force: true })
    renameSync(`${file}.kept`, file)
  }
  outside.assertUntouched('files')
})

const spawnFifo = (path: string): unknown => spawnSync('mkfifo', [path])

// The lesson of firejail's --join (CVE-2022-31214): a pid is not who it was.
test('a forged or reused pid is nobody: not signalled, not entered, not killed by delete', async () => {
  const other = bystander()
  const one = container()
  const { pid } = one
  for (const file of filesWith(one, pid)) {
    writeFileSync(file, readFileSync(file, 'utf8').replace(new RegExp(`\\b${pid}\\b`, 'g'), String(other.pid)))
  }
  for (const words of [
    ['kill', one.id, 'KILL'],
    ['exec', one.id, '/bin/true'],
    ['kill', '--all', one.id, 'KILL'],
  ]) {
    const outcome = oci(words, { timeoutMs: 15_000 })
    if (words.includes('--all')) continue
    assert.ok(outcome.status !== null && outcome.status !== 0, words.join(' '))
  }
  const state = oci(['state', one.id])
  assert.ok(state.status !== 0 || !/"status": *"(running|created|paused)"/.test(state.stdout), state.stdout)
  oci(['delete', '--force', one.id])
  assert.ok(isAlive(other.pid ?? 0), 'the bystander is dead')
  if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  other.kill('SIGKILL')
  await once(other, 'exit')
})

test('a state of somebody else is not believed', () => {
  const one = container()
  const folder = join(stateRoot(), one.id)
  for (const name of ['', ...readdirSync(folder)]) chownSync(join(folder, name), 12_345, 12_345)
  const outcome = oci(['exec', one.id, '/bin/true'])
  assert.notEqual(outcome.status, 0)
  for (const name of ['', ...readdirSync(folder)]) chownSync(join(folder, name), 0, 0)
})

test('a state directory that anybody may write to is refused, or closed', () => {
  chmodSync(stateRoot(), 0o777)
  const { path, cgroup } = bundle()
  const outcome = oci(['create', '--bundle', path, cgroup.slice(1)])
  const closed = (statSync(stateRoot()).mode & 0o022) === 0
  undoAfterTest(() => void oci(['delete', '--force', cgroup.slice(1)]))
  assert.ok(outcome.status !== 0 || closed)
})

test('of several that create one id at a time, one does', async () => {
  const { path, cgroup } = bundle()
  const id = cgroup.slice(1)
  undoAfterTest(() => void oci(['delete', '--force', id]))
  const all = [1, 2, 3, 4].map(() => {
    const child = startOci(['create', '--bundle', path, id])
    child.stdin?.end()
    // What the container inherits stays open; only the end of the command counts.
    return once(child, 'exit').then(([code]) => {
      for (const stream of [child.stdout, child.stderr]) stream?.destroy()
      return code as number
    })
  })
  const codes = await Promise.all(all)
  assert.equal(codes.filter((code) => code === 0).length, 1, codes.join())
  assert.equal(oci(['state', id]).status, 0)
  assert.ok(existsSync(join(stateRoot(), id)))
})
