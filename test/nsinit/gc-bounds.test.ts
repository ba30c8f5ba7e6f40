import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CARREL } from '../cli/carrel.ts'
import { eventually } from '../support/eventually.ts'
import { hierarchyOf } from '../support/hierarchies.ts'
import { removeGroup, scratch, undoAfterTest, uniqueName, useOci } from '../support/oci.ts'
import { descendants, isAlive } from '../support/proc.ts'
import { requires } from '../support/requires.ts'
import { Room } from './network-room.ts'
import { holdNetworks, NsinitDirectory, store } from './nsinit-directory.ts'

// What `carrel gc` and the end of a container must not touch: groups and bridges that others use by now.

const NEEDS = requires({ root: true })
useOci()
process.env['CARREL_RUNTIME_DIR'] = scratch('records')

interface Report {
  readonly removed: readonly { readonly directory: string; readonly groups: readonly string[] }[]
  readonly kept: readonly { readonly path: string; readonly reason: string }[]
}

function gc(room: Room): Report {
  const { status, stdout, stderr } = room.run([process.execPath, CARREL, 'gc', '--json'])
  assert.equal(status, 0, stderr)
  return (JSON.parse(stdout) as { readonly nsinit: Report }).nsinit
}

/** One whose nsinit was killed, with all that it left. */
async function killed(one: NsinitDirectory): Promise<NsinitDirectory> {
  const { child, pid } = await one.live()
  child.kill('SIGKILL')
  await eventually(
    () => !isAlive(pid),
    () => `process ${pid} lives still`,
  )
  return one
}

test('X03: gc does not end a container whose group lies in one that was left, and says why', NEEDS, async () => {
  const room = await Room.open()
  const outer = await killed(new NsinitDirectory())
  const inner = new NsinitDirectory({ cgroups: { parent: `/${outer.group}`, name: uniqueName() } })
  const { pid, ended } = await inner.live()
  const { removed, kept } = gc(room)
  assert.deepEqual([removed, kept.map(({ path }) => path), isAlive(pid)], [[], [outer.stored], true])
  assert.match(kept[0]?.reason ?? '', new RegExp(`holds the group of the container of ${inner.path}, which lives`))
  process.kill(pid, 'SIGKILL')
  await ended
  assert.deepEqual(
    gc(room).removed.map(({ directory }) => directory),
    [outer.path],
  )
  assert.equal(outer.stored, undefined)
})

test('X03: a group that a container has taken over which is being made is that one’s', NEEDS, async () => {
  const room = await Room.open()
  const first = await killed(new NsinitDirectory())
  const networks = [{ type: 'veth', bridge: 'br0', create_bridge: true, address: '10.9.0.2/24', gateway: '10.9.0.1' }]
  const heir = new NsinitDirectory({ cgroups: first.config['cgroups'] as Record<string, unknown>, networks })
  // Who makes bridges waits for it, with a first process and its groups.
  const held = await holdNetworks()
  const child = room.start(heir.path, ['exec', 'true'])
  const ended = new Promise((resolve) => child.on('exit', resolve))
  const procs = join('/sys/fs/cgroup/pids', first.group, 'cgroup.procs')
  await eventually(
    () => existsSync(procs) && readFileSync(procs, 'utf8') !== '' && descendants(child.pid ?? 0).length > 1,
    () => 'no container is made',
    20_000,
  )
  assert.deepEqual(
    gc(room).removed.map(({ directory, groups }) => [directory, groups]),
    [[first.path, []]],
  )
  process.kill(-held, 'SIGKILL')
  assert.equal(await ended, 0)
})

test('X03: gc removes no bridge of another network namespace than the container was started from', NEEDS, async () => {
  const [room, other] = [await Room.open(), await Room.open()]
  const networks = [{ type: 'veth', bridge: 'br0', create_bridge: true, address: '10.9.0.2/24', gateway: '10.9.0.1' }]
  const one = new NsinitDirectory({ networks })
  const child = room.start(one.path, ['exec', 'sleep', '1000'])
  await eventually(
    () => one.has('pid'),
    () => 'no container',
    20_000,
  )
  const { pid } = one
  child.kill('SIGKILL')
  await eventually(
    () => !isAlive(pid),
    () => `process ${pid} lives still`,
  )
  other.ip('link', 'add', 'br0', 'type', 'bridge')
  other.ip('link', 'set', 'br0', 'alias', 'carrel nsinit')
  const { removed, kept } = gc(other)
  assert.deepEqual([removed, kept.map(({ path }) => path), other.names()], [[], [one.stored], ['br0']])
  assert.match(kept[0]?.reason ?? '', /another network namespace/)
  assert.equal(gc(room).removed.length, 1)
  assert.deepEqual([room.names(), other.names()], [[], ['br0']])
})

test('X03: a state that cannot be read keeps no other container from its start', NEEDS, () => {
  const strange = join(store(), 'nsinit-0.0-1')
  mkdirSync(strange, { recursive: true, mode: 0o700 })
  undoAfterTest(() => rmSync(strange, { recursive: true, force: true }))
  writeFileSync(join(strange, 'state.json'), 'nothing that was ever a record')
  const one = new NsinitDirectory({ cgroups: { parent: `/${uniqueName()}`, name: uniqueName() } })
  const { status, stderr } = one.exec('true')
  assert.equal(status, 0, stderr)
})

test('X03: one container of another pid namespace keeps nobody from the end of another', NEEDS, async () => {
  const room = await Room.open()
  const far = new NsinitDirectory()
  const elsewhere = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']
  const words = [process.execPath, CARREL, 'nsinit', 'exec', 'sleep', '1000']
  const child = spawn(elsewhere[0] ?? '', [...elsewhere.slice(1), ...words], { cwd: far.path, stdio: 'ignore' })
  undoAfterTest(() => {
    child.kill('SIGKILL')
    removeGroup(far.group)
    if (far.stored) rmSync(far.stored, { recursive: true })
  })
  await eventually(
    () => far.has('pid'),
    () => 'no container',
    20_000,
  )
  const near = await killed(new NsinitDirectory())
  assert.deepEqual(
    gc(room).removed.map(({ directory }) => directory),
    [near.path],
  )
})

const HYBRID = requires({ root: true, hierarchies: ['v2', 'memory'] })

test('L32: a group with a process in any hierarchy is not taken over, to be ended with the container', HYBRID, () => {
  const one = new NsinitDirectory()
  const [empty, used] = ['v2', 'memory'].map((name) => join(hierarchyOf(name) ?? '', one.group)) as [string, string]
  for (const path of [empty, used]) mkdirSync(path)
  const { pid = 0 } = spawn('sleep', ['1000'], { stdio: 'ignore' })
  undoAfterTest(() => void (isAlive(pid) && process.kill(pid, 'SIGKILL')))
  writeFileSync(join(used, 'cgroup.procs'), String(pid))
  const { status, stderr } = one.exec('true')
  assert.deepEqual([status, isAlive(pid)], [125, true])
  assert.match(stderr, new RegExp(`in which process ${pid} is`))
})
