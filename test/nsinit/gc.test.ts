import assert from 'node:assert/strict'
import { chownSync, existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CARREL } from '../cli/carrel.ts'
import { eventually } from '../support/eventually.ts'
import { scratch, undoAfterTest, uniqueName, useOci } from '../support/oci.ts'
import { descendants, isAlive } from '../support/proc.ts'
import { requires } from '../support/requires.ts'
import { Room } from './network-room.ts'
import { holdNetworks, NsinitDirectory, store } from './nsinit-directory.ts'

// `carrel gc` and the levels above groups: what is left of containers whose nsinit was killed, and what goes with those that end.

const NEEDS = requires({ root: true })
useOci()

// What tests at the same time leave is theirs to look at.
process.env['CARREL_RUNTIME_DIR'] = scratch('records')

type Json = Readonly<Record<string, unknown>>

interface Report {
  readonly removed: readonly (Json & { readonly directory: string })[]
  readonly failed: readonly unknown[]
  readonly kept: readonly { readonly path: string; readonly reason: string }[]
}

const NOTHING: Report = { removed: [], failed: [], kept: [] }

/** What `carrel gc` says of containers of nsinit, with the network of a room as the host's. */
function gc(room: Room, words: readonly string[] = [], wrapper: readonly string[] = []): Report {
  const { status, stdout, stderr } = room.run([...wrapper, process.execPath, CARREL, 'gc', '--json', ...words])
  assert.equal(status, 0, stderr)
  return (JSON.parse(stdout) as { readonly nsinit: Report }).nsinit
}

/** The directories of a group, in all hierarchies. */
const groupsNamed = (name: string): readonly string[] =>
  ['.', ...readdirSync('/sys/fs/cgroup')]
    .map((each) => join('/sys/fs/cgroup', each, name))
    .filter((path) => existsSync(path))

/** A level above groups that the test looks at; gone after it. */
function level(): string {
  const name = uniqueName()
  undoAfterTest(() => groupsNamed(name).forEach((path) => rmdirSync(path)))
  return name
}

const below = (parent: string): { readonly cgroups: Json } => ({
  cgroups: { parent: `/${parent}`, name: uniqueName() },
})

const gone = (pid: number): Promise<true> =>
  eventually(
    () => !isAlive(pid),
    () => `process ${pid} lives still`,
  ) as Promise<true>

/** Starts a container in a room, and waits until it has said so; the process that waits for it. */
async function live(room: Room, one: NsinitDirectory): Promise<{ readonly pid: number; kill(): Promise<void> }> {
  const child = room.start(one.path, ['exec', 'sh', '-c', 'echo started; sleep 1000'])
  let text = ''
  child.stdout?.on('data', (bytes: Buffer) => (text += bytes.toString()))
  child.stderr?.on('data', (bytes: Buffer) => (text += bytes.toString()))
  await eventually(
    () => /^started$/m.test(text),
    () => `start of ${one.path}: ${text}`,
    20_000,
  )
  const { pid } = one
  return {
    pid,
    async kill() {
      child.kill('SIGKILL')
      await gone(pid)
    },
  }
}

/** Ends the first process, and waits until its nsinit has removed the rest. */
async function end(one: NsinitDirectory): Promise<void> {
  process.kill(one.pid, 'SIGKILL')
  await eventually(
    () => one.stored === undefined,
    () => `${one.path} is left`,
  )
}

test(
  'X03, L54: gc removes groups, levels, bridge, files and record of a killed nsinit, and no live container',
  NEEDS,
  async () => {
    const room = await Room.open()
    const parent = level()
    const networks = [{ type: 'veth', bridge: 'br0', create_bridge: true, address: '10.9.0.2/24', gateway: '10.9.0.1' }]
    const [one, other] = [new NsinitDirectory({ ...below(parent), networks }), new NsinitDirectory()]
    const [left, lives] = [await live(room, one), await live(room, other)]
    assert.deepEqual(gc(room), NOTHING)
    await left.kill()
    const would = gc(room, ['--dry-run'])
    assert.deepEqual(
      would.removed.map(({ directory, bridges, record }) => [directory, bridges, record]),
      [[one.path, ['br0'], one.stored]],
    )
    assert.deepEqual([room.names(), one.has('pid'), groupsNamed(parent).length > 0], [['br0'], true, true])
    assert.deepEqual(gc(room), { ...NOTHING, removed: would.removed })
    assert.deepEqual(
      [room.names(), one.has('pid'), one.has('state.json'), one.stored, groupsNamed(parent)],
      [[], false, false, undefined, []],
    )
    assert.deepEqual([isAlive(lives.pid), other.has('pid'), other.stored !== undefined], [true, true, true])
    assert.deepEqual(gc(room), NOTHING)
  },
)

test('X03: gc leaves a start that goes on alone, and removes what is left when it was killed', NEEDS, async () => {
  const room = await Room.open()
  const parent = level()
  const networks = [{ type: 'veth', bridge: 'br0', create_bridge: true, address: '10.9.0.2/24', gateway: '10.9.0.1' }]
  const one = new NsinitDirectory({ ...below(parent), networks })
  mkdirSync(store(), { recursive: true, mode: 0o700 })
  // Who makes bridges waits for it, with a first process and its groups.
  const held = await holdNetworks()
  const child = room.start(one.path, ['exec', 'true'])
  const made = await eventually(
    () => {
      const found = groupsNamed(parent).length > 0 && descendants(child.pid ?? 0)
      return found !== false && found.length > 1 && found
    },
    () => 'no container is made',
    20_000,
  )
  assert.deepEqual(gc(room), NOTHING)
  assert.deepEqual(
    made.filter(({ pid }) => !isAlive(pid)),
    [],
  )
  child.kill('SIGKILL')
  for (const { pid } of made) await gone(pid)
  process.kill(-held, 'SIGKILL')
  assert.deepEqual(
    gc(room).removed.map(({ directory }) => directory),
    [one.path],
  )
  assert.deepEqual([one.stored, groupsNamed(parent)], [undefined, []])
})

test('X03: of a container of another pid namespace gc and exec know nothing, and touch nothing', NEEDS, async () => {
  const room = await Room.open()
  const one = new NsinitDirectory()
  const { pid } = await live(room, one)
  const elsewhere = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']
  const { removed, kept } = gc(room, [], elsewhere)
  assert.deepEqual([removed, kept.map(({ path }) => path)], [[], [one.stored]])
  assert.match(kept[0]?.reason ?? '', /started in another pid namespace.*run nsinit there/)
  const words = [process.execPath, CARREL, 'nsinit', '--data-path', one.path, 'exec', 'true']
  const { status, stderr } = room.run([...elsewhere, ...words])
  assert.deepEqual([status, /another pid namespace/.test(stderr)], [125, true], stderr)
  assert.deepEqual([isAlive(pid), one.has('pid')], [true, true])
})

test('X03: a group that another container has taken over is that one’s', NEEDS, async () => {
  const room = await Room.open()
  const first = new NsinitDirectory()
  await (await live(room, first)).kill()
  const heir = new NsinitDirectory({ cgroups: first.config['cgroups'] as Json })
  const { pid } = await live(room, heir)
  assert.deepEqual(
    gc(room).removed.map(({ directory, groups }) => [directory, groups]),
    [[first.path, []]],
  )
  assert.deepEqual([isAlive(pid), first.has('pid'), first.stored], [true, false, undefined])
  await end(heir)
})

test('X03: gc believes no store that somebody else may write to, and says so', NEEDS, async () => {
  const room = await Room.open()
  mkdirSync(store(), { recursive: true, mode: 0o700 })
  chownSync(store(), 1000, 1000)
  undoAfterTest(() => chownSync(store(), 0, 0))
  const { removed, kept } = gc(room)
  assert.deepEqual([removed, kept.map(({ path }) => path)], [[], [store()]])
  assert.match(kept[0]?.reason ?? '', /belongs to user 1000, not to 0/)
})

test(
  'L32: levels above a group go with the last container that is in them; those that were there before stay',
  NEEDS,
  async () => {
    const room = await Room.open()
    const [parent, mine] = [level(), level()]
    const [first, second] = [new NsinitDirectory(below(`${parent}/deep`)), new NsinitDirectory(below(parent))]
    await live(room, first)
    await live(room, second)
    await end(first)
    assert.deepEqual([groupsNamed(`${parent}/deep`), groupsNamed(parent).length > 0], [[], true])
    await end(second)
    assert.deepEqual(groupsNamed(parent), [])
    const before = join('/sys/fs/cgroup/pids', mine)
    mkdirSync(before)
    const third = new NsinitDirectory(below(mine))
    assert.equal(third.exec('true').status, 0)
    assert.deepEqual(groupsNamed(mine), [before])
    assert.equal(new NsinitDirectory(below(parent)).exec('/no/such/program').status, 127)
    assert.deepEqual(groupsNamed(parent), [])
  },
)

test('L32: containers that begin and end at once in one level remove it once, under nobody', NEEDS, async () => {
  const parent = level()
  const all = Array.from({ length: 2 }, () => new NsinitDirectory(below(parent)))
  const rounds = all.map(async (one) => {
    const codes: (number | null)[] = []
    for (let round = 0; round < 2; round++) codes.push((await one.start(['true']).ended).code)
    return codes
  })
  assert.deepEqual((await Promise.all(rounds)).flat(), Array<number>(4).fill(0))
  assert.deepEqual(groupsNamed(parent), [])
})
