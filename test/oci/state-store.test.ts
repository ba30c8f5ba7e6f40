import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { InvalidInputError, StateError, UnsupportedError } from '../../src/base/errors.ts'
import { currentKernel } from '../../src/kernel/current.ts'
import { readProcess } from '../../src/kernel/process.ts'
import type { ContainerRecord } from '../../src/oci/state/container-record.ts'
import { StateStore } from '../../src/oci/state/state-store.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'

checkMachine()
const kernel = await currentKernel()

const record = (id: string, changes: Partial<ContainerRecord> = {}): ContainerRecord => ({
  id,
  ociVersion: '1.2.0',
  pid: process.pid,
  startTime: readProcess(kernel, process.pid)!.startTime,
  bundle: '/bundle',
  rootfs: '/bundle/rootfs',
  created: '2026-01-02T03:04:05.678Z',
  owner: 0,
  annotations: { 'org.example/a': 'b' },
  groups: [],
  ...changes,
})

/** Runs with a store in a directory of its own that does not exist yet. */
async function withStore(work: (store: StateStore, root: string) => void | Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-oci-state-'))
  const root = join(folder, 'above', 'root')
  try {
    await work(new StateStore(kernel, root), root)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A container as `create` leaves it, unlocked. */
function put(store: StateStore, id: string, changes: Partial<ContainerRecord> = {}): ContainerRecord {
  const made = record(id, changes)
  store.claim(id)
  store.save(made)
  store.release(id)
  return made
}

test('StateStore keeps a record and the configuration where nobody else can read them', () =>
  withStore((store, root) => {
    assert.deepEqual(store.list(), { records: [], unreadable: [] })
    assert.equal(store.find('a'), undefined)
    assert.equal(existsSync(root), false, 'looking makes no directory')
    const made = put(store, 'a', { scope: 'x.scope', closDirectory: '/sys/fs/resctrl/a' })
    store.saveConfig('a', '{"ociVersion":"1.2.0"}')
    assert.deepEqual(store.load('a'), made)
    assert.equal(store.configText('a'), '{"ociVersion":"1.2.0"}')
    assert.deepEqual(store.list().records, [made])
    assert.equal(statSync(root).mode & 0o777, 0o700)
    assert.equal(statSync(store.directory('a')).mode & 0o777, 0o700)
    assert.equal(statSync(join(store.directory('a'), 'state.json')).mode & 0o777, 0o600)
    assert.equal(statSync(join(store.directory('a'), 'config.json')).mode & 0o777, 0o600)
    store.remove('a')
    store.remove('a')
    assert.throws(() => store.load('a'), /Container "a" does not exist/)
    assert.deepEqual(store.list(), { records: [], unreadable: [] })
  }))

test('StateStore.claim() refuses an id that is taken', () =>
  withStore((store) => {
    put(store, 'a')
    assert.throws(
      () => store.claim('a'),
      (error) => error instanceof StateError && error.message.endsWith('"a" exists already'),
    )
  }))

test('StateStore tells a creation that was killed, and removes what it left', () =>
  withStore((store) => {
    store.claim('a')
    store.saveConfig('a', '{}')
    assert.deepEqual(store.list().unreadable.length, 1, 'of this process: nobody else works on it')
    store.release('a')
    assert.equal(store.find('a', { lock: true }), 'incomplete')
    assert.throws(() => store.load('a'), /"a" is not complete: .* was killed; carrel-oci delete --force a removes/)
    assert.throws(() => new StateStore(kernel, store.root).claim('a'), /exists already, though not complete/)
    store.remove('a')
    assert.equal(store.find('a'), undefined)
  }))

const BAD_IDS = ['', '.', '..', '.a', 'a/b', '../a', 'a\nb', 'a b', 'ä', 'a\0', 'a'.repeat(256)]

test('StateStore takes no id that is no name of a directory below the root', () =>
  withStore((store) => {
    for (const id of BAD_IDS) {
      for (const use of [() => store.claim(id), () => store.find(id), () => store.remove(id)]) {
        assert.throws(use, InvalidInputError, JSON.stringify(id))
      }
    }
    for (const id of ['a', '_', '+a-b.c', '-x', '0', 'a'.repeat(255)]) {
      put(store, id)
      assert.equal(store.load(id).id, id)
    }
  }))

test('StateStore believes nothing that others could have written', requires({ root: true }), () =>
  withStore((_, root) => {
    const fresh = () => new StateStore(kernel, root)
    put(fresh(), 'a')
    const refused = (reason: RegExp) => {
      assert.throws(() => fresh().load('a'), reason)
      assert.throws(
        () => fresh().load('a'),
        (error) => error instanceof UnsupportedError,
      )
    }
    chmodSync(root, 0o777)
    refused(/can be written to by others/)
    assert.throws(() => fresh().claim('b'), /can be written to by others/)
    assert.throws(() => fresh().list(), /can be written to by others/)
    chmodSync(root, 0o755)
    assert.equal(fresh().load('a').id, 'a')
    chownSync(root, 1234, 0)
    refused(/belongs to user 1234, not to 0/)
    chownSync(root, 0, 0)
    chownSync(join(root, 'a'), 1234, 0)
    refused(/belongs to user 1234/)
    chownSync(join(root, 'a'), 0, 0)
    chmodSync(join(root, 'a'), 0o720)
    refused(/can be written to by others/)
    rmSync(join(root, 'a'), { recursive: true })
    mkdirSync(join(root, 'elsewhere'))
    symlinkSync('elsewhere', join(root, 'a'))
    refused(/is no directory/)
    assert.throws(() => fresh().remove('a'), /is no directory/)
    assert.ok(existsSync(join(root, 'elsewhere')))
  }),
)

const FORGERIES: readonly (readonly [Record<string, unknown>, RegExp])[] = [
  [{ id: 'other' }, /\/id must be "a"/],
  [{ pid: -1 }, /\/pid must be a whole number/],
  [{ pid: '1' }, /\/pid must be/],
  [{ startTime: 1.5 }, /\/startTime/],
  [{ bundle: 'relative' }, /\/bundle must be an absolute path/],
  [{ rootfs: '/a/../b' }, /\/rootfs must be an absolute path/],
  [{ annotations: { a: 1 } }, /\/annotations\/a must be text/],
  [{ groups: [{ directory: '/sys/fs/cgroup/../../etc', version: 2, controllers: [] }] }, /\/groups\/0\/directory/],
  [{ groups: [{ directory: '/sys', version: 3, controllers: [] }] }, /\/groups\/0\/version/],
  [{ groups: {} }, /\/groups must be an array/],
  [{ closDirectory: 5 }, /\/closDirectory/],
]

test('StateStore refuses a record that is none, naming the field, and lists the others', () =>
  withStore((store) => {
    const file = join(store.directory('a'), 'state.json')
    const good = put(store, 'a')
    put(store, 'b')
    for (const [changes, message] of FORGERIES) {
      writeFileSync(file, JSON.stringify({ ...good, ...changes }))
      assert.throws(() => store.load('a'), message)
      assert.throws(() => store.load('a'), /The state of container "a" cannot be believed/)
    }
    writeFileSync(file, '{"id":"a"')
    assert.throws(() => store.load('a'), /the file must be JSON/)
    const { records, unreadable } = store.list()
    assert.deepEqual([records.map(({ id }) => id), unreadable.map(({ id }) => id)], [['b'], ['a']])
    writeFileSync(file, JSON.stringify({ ...good, ofALaterVersion: { x: 1 } }))
    assert.deepEqual(store.load('a'), good)
  }))

test('StateStore.status() asks the kernel: another process with the number is another', async () => {
  await withStore(async (store) => {
    const child = spawn('sleep', ['1000'])
    const pid = child.pid!
    const { startTime } = readProcess(kernel, pid)!
    const made = put(store, 'a', { pid, startTime })
    assert.equal(store.status(made), 'running')
    writeFileSync(join(store.directory('a'), 'start.sock'), '')
    assert.equal(store.status(made), 'created')
    assert.equal(store.status({ ...made, startTime: startTime - 1 }), 'stopped')
    assert.equal(store.status({ ...made, pid: 0 }), 'creating')
    child.kill('SIGKILL')
    // Not reaped yet, when it is already dead: nothing has returned to the event loop.
    while (readProcess(kernel, pid)?.state !== 'Z') assert.notEqual(readProcess(kernel, pid), undefined)
    assert.equal(store.status(made), 'stopped')
    await once(child, 'exit')
    assert.equal(store.status(made), 'stopped')
  })
})

/** Another process that does `work` (source text) with a store at `root`, and says when it has the lock. */
async function elsewhere(root: string, work: string): Promise<ChildProcess> {
  const source = `
    import { writeSync, writeFileSync } from 'node:fs'
    import { currentKernel } from ${JSON.stringify(new URL('../../src/kernel/current.ts', import.meta.url).href)}
    import { StateStore } from ${JSON.stringify(new URL('../../src/oci/state/state-store.ts', import.meta.url).href)}
    const store = new StateStore(await currentKernel(), ${JSON.stringify(root)})
    const ready = () => writeSync(1, 'ready')
    const wait = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
    ${work}`
  const args = ['--import', 'tsx', '--input-type=module', '-e', source]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}

test('StateStore: who locks a container waits for whoever changes it', () =>
  withStore(async (store, root) => {
    put(store, 'a')
    const done = join(root, '..', 'done')
    const child = await elsewhere(
      root,
      `store.load('a', { lock: true }); ready(); wait(200); writeFileSync(${JSON.stringify(done)}, '')`,
    )
    assert.equal(store.load('a').id, 'a', 'a reader does not wait')
    assert.equal(existsSync(done), false)
    store.load('a', { lock: true })
    assert.equal(existsSync(done), true, 'the lock was had while the other one still worked')
    store.release('a')
    await once(child, 'exit')
  }))

test('StateStore: a lock on what was removed meanwhile is none', () =>
  withStore(async (store, root) => {
    put(store, 'a')
    const child = await elsewhere(root, `store.load('a', { lock: true }); ready(); wait(200); store.remove('a')`)
    assert.equal(store.find('a', { lock: true }), undefined)
    await once(child, 'exit')
  }))

test('StateStore: a lock is that of the container that has the name now', () =>
  withStore(async (store, root) => {
    const old = put(store, 'a')
    const child = await elsewhere(
      root,
      `const record = store.load('a', { lock: true }); ready(); wait(200)
       store.remove('a'); store.claim('a'); store.save({ ...record, bundle: '/new' }); store.release('a')`,
    )
    const found = store.find('a', { lock: true })
    assert.ok(found === undefined || (found !== 'incomplete' && found.bundle === '/new' && old.bundle !== '/new'))
    store.release('a')
    await once(child, 'exit')
    assert.equal(store.load('a').bundle, '/new')
  }))

test('StateStore: list() and load() see whole records while another writes', () =>
  withStore(async (store, root) => {
    put(store, 'a')
    const child = await elsewhere(
      root,
      `const record = store.load('a', { lock: true }); ready()
       for (let i = 0; i < 400; i++) store.save({ ...record, annotations: { n: 'x'.repeat(i * 5) } })`,
    )
    let reads = 0
    while (child.exitCode === null && child.signalCode === null) {
      for (let i = 0; i < 50; i++, reads++) {
        assert.equal(store.list().records.length, 1)
        assert.equal(store.load('a').id, 'a')
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal(child.exitCode, 0)
    assert.ok(reads > 50, `only ${reads} reads`)
    assert.equal(readFileSync(join(store.directory('a'), 'state.json'), 'utf8').includes('x'.repeat(399 * 5)), true)
  }))
