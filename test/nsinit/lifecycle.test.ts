import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CARREL } from '../cli/carrel.ts'
import { eventually } from '../support/eventually.ts'
import { scratch, undoAfterTest, useOci } from '../support/oci.ts'
import { descendants, isAlive, namespaceOf, seen, statusField, withCommandLine } from '../support/proc.ts'
import { requires } from '../support/requires.ts'
import { NAMESPACES, NsinitDirectory, type Running } from './nsinit-directory.ts'

// From the first process of a directory to its end, however that comes: what is there meanwhile, and what is left.

const NEEDS = requires({ root: true })
useOci()

const gone = (pid: number): Promise<true> =>
  eventually(
    () => !isAlive(pid),
    () => `process ${pid} lives still`,
  ) as Promise<true>

test(
  'L04, L31: pid and state.json are there while it lives, say what the kernel says, and go with it',
  NEEDS,
  async () => {
    const one = new NsinitDirectory()
    const live = await one.live('read line; exit 5')
    const state = JSON.parse(readFileSync(one.file('state.json'), 'utf8')) as Record<string, unknown>
    assert.equal(state['init_pid'], live.pid)
    assert.equal(state['init_start_time'], seen(live.pid)?.started)
    assert.equal(statusField(live.pid, 'NSpid'), `${live.pid}\t1`)
    assert.equal(readFileSync(one.file('pid'), 'utf8'), String(live.pid))
    assert.equal(namespaceOf(live.pid, 'uts') === namespaceOf('self', 'uts'), false)
    live.child.stdin?.write('\n')
    assert.deepEqual(await live.ended, { code: 5, signal: null })
    assert.deepEqual([one.has('pid'), one.has('state.json'), one.stored], [false, false, undefined])
  },
)

test('L06: the end of the first process is the end of all, also of those that joined', NEEDS, async () => {
  const one = new NsinitDirectory()
  const live = await one.live('sleep 1001 & sleep 1002 & read line')
  const joined = one.start(['sh', '-c', 'echo joined; sleep 1003'])
  await joined.shows(/joined/)
  const inside = await eventually(
    () => {
      const found = descendants(live.pid).filter(({ name }) => name === 'sleep')
      return found.length === 2 && found
    },
    () => 'two processes of the container',
  )
  live.child.stdin?.end()
  await live.ended
  assert.deepEqual(await joined.ended, { code: 137, signal: null })
  assert.deepEqual(
    inside.filter(({ pid, started }) => seen(pid)?.started === started && isAlive(pid)),
    [],
  )
})

test(
  'D-L16, L61: the groups go at the end with whoever is left in them, where no pid namespace ends those',
  NEEDS,
  () => {
    const one = new NsinitDirectory({ namespaces: { NEWNS: true }, hostname: '' })
    const text = one.script('sleep 1004 >/dev/null 2>&1 & echo $!')
    assert.equal(isAlive(Number(text)), false)
    assert.deepEqual([one.groups, one.has('pid'), one.stored], [[], false, undefined])
  },
)

test('L32, L61: it is in its groups, with their limits, before its command runs; they go with it', NEEDS, () => {
  const one = new NsinitDirectory({ cgroups: { memory: 33_554_432 } })
  // The groups of /proc/self are those that its first instruction finds.
  const groups = one.script('cat /proc/self/cgroup')
  const memory = groups.split('\n').filter((line) => /memory|^0::/.test(line))
  assert.ok(
    memory.some((line) => line.endsWith(`/${one.group}`)),
    groups,
  )
  assert.deepEqual(one.groups, [])
})

for (const user of ['root', 'somebody']) {
  test(
    `L30, L36, L54: SIGKILL of nsinit kills the container of user ${user}, and the next exec starts another`,
    NEEDS,
    async () => {
      const one = new NsinitDirectory({ user })
      const live = await one.live()
      assert.equal(statusField(live.pid, 'Uid').split('\t')[0], user === 'root' ? '0' : '1000')
      live.child.kill('SIGKILL')
      await gone(live.pid)
      assert.equal(one.has('pid'), true)
      assert.equal(one.groups.length > 0, true)
      // Process 1 again: it joins nobody.
      assert.equal(one.script('echo $$'), '1\n')
      assert.deepEqual([one.groups, one.has('pid'), one.has('state.json'), one.stored], [[], false, false, undefined])
    },
  )
}

test('L54: SIGKILL of an nsinit that joined kills what it added, and nothing else', NEEDS, async () => {
  const one = new NsinitDirectory({ user: 'somebody' })
  const live = await one.live()
  const joined = one.start(['sh', '-c', 'echo joined; exec sleep 1005'])
  await joined.shows(/joined/)
  const [added] = await eventually(
    () => withCommandLine('sleep\0' + '1005').length > 0 && withCommandLine('sleep\0' + '1005'),
    () => 'the process that joined',
  )
  joined.child.kill('SIGKILL')
  await gone(added?.pid ?? 0)
  assert.equal(isAlive(live.pid), true)
})

test('D-L03: files of a container that is no more lead nobody into a stranger', NEEDS, () => {
  const one = new NsinitDirectory()
  // Alive, and once a container of this directory, had a stale file its way.
  const stranger = spawn('sleep', ['1006'])
  undoAfterTest(() => void stranger.kill('SIGKILL'))
  const { pid = 0 } = stranger
  writeFileSync(one.file('pid'), String(pid))
  const told = { init_pid: pid, init_start_time: '1', network_state: {}, cgroup_paths: {}, boot_id: bootId() }
  writeFileSync(one.file('state.json'), JSON.stringify(told))
  assert.equal(one.script('hostname; echo $$'), 'nsinit\n1\n')
  assert.equal(isAlive(pid), true)
  assert.equal(one.has('pid'), false)
})

test(
  'D-L03: a record whose pid is another process’s by now is of none that lives: the stranger is neither joined nor killed',
  NEEDS,
  async () => {
    const one = new NsinitDirectory()
    const live = await one.live()
    live.child.kill('SIGKILL')
    await gone(live.pid)
    const file = join(one.stored ?? '', 'state.json')
    const stranger = spawn('sleep', ['1007'])
    undoAfterTest(() => void stranger.kill('SIGKILL'))
    const record = JSON.parse(readFileSync(file, 'utf8')) as object
    writeFileSync(file, JSON.stringify({ ...record, pid: stranger.pid }))
    assert.equal(one.script('echo $$'), '1\n')
    assert.equal(isAlive(stranger.pid ?? 0), true)
    assert.equal(one.stored, undefined)
  },
)

test('D-L03: of an earlier boot nothing is believed', NEEDS, async () => {
  const one = new NsinitDirectory()
  const live = await one.live()
  const file = join(one.stored ?? '', 'state.json')
  const text = readFileSync(file, 'utf8')
  assert.ok(text.includes(bootId()))
  live.child.kill('SIGKILL')
  await gone(live.pid)
  const stranger = spawn('sleep', ['1008'])
  undoAfterTest(() => void stranger.kill('SIGKILL'))
  const { pid = 0 } = stranger
  const startTime = Number(seen(pid)?.started)
  // As a directory of states that outlives the machine's memory would have it: even the start time is that of another.
  const later = text.replaceAll(bootId(), '00000000-0000-4000-8000-000000000000')
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(later) as object), pid, startTime }))
  assert.equal(one.script('echo $$'), '1\n')
  assert.equal(isAlive(pid), true)
})

test('L31: a live container that is not this user’s is named, not started a second time', NEEDS, async () => {
  const one = new NsinitDirectory()
  const live = await one.live()
  // As another user sees it: the files, and no record.
  const from = one.stored ?? ''
  const to = `${from}.kept`
  renameSync(from, to)
  const { status, stderr } = one.exec('true')
  renameSync(to, from)
  assert.equal(status, 125)
  assert.match(stderr, new RegExp(`state.json names process ${live.pid}, which lives`))
  assert.equal(one.script('hostname'), 'nsinit\n')
})

test('D-L04: of many at once exactly one starts it, and the others are in it', NEEDS, async () => {
  const one = new NsinitDirectory()
  // The first one stays until all have said who they are.
  const command = [
    'sh',
    '-c',
    'echo $$ $(readlink /proc/self/ns/pid); test $$ != 1 || while [ ! -e /all ]; do sleep 0.05; done',
  ]
  const all = Array.from({ length: 4 }, () => one.start(command))
  const said = await Promise.all(all.map(({ shows }) => shows(/^(\d+) (pid:\S+)\n/)))
  writeFileSync(one.file('all'), '')
  assert.deepEqual(
    (await codes(all)).filter((code) => code !== 0),
    [],
  )
  assert.equal(said.filter(([, pid]) => pid === '1').length, 1)
  assert.equal(new Set(said.map(([, , namespace]) => namespace)).size, 1)
  assert.equal(one.stored, undefined)
})

test(
  'L05: it is the same container by every name of the directory, and another one in a copy of it',
  NEEDS,
  async () => {
    const one = new NsinitDirectory()
    const other = new NsinitDirectory()
    const live = await one.live()
    for (const name of ['pid', 'state.json']) writeFileSync(other.file(name), readFileSync(one.file(name)))
    const moved = `${one.path}-moved`
    renameSync(one.path, moved)
    try {
      const words = ['exec', 'readlink', '/proc/self/ns/pid']
      const { stdout, stderr } = one.nsinit(words, { cwd: moved })
      assert.equal(stdout, `${namespaceOf(live.pid, 'pid')}\n`, stderr)
      // The files of the copy name the container of the original, which lives.
      assert.equal(other.script('readlink /proc/self/ns/pid') === stdout, false)
    } finally {
      renameSync(moved, one.path)
    }
  },
)

test('L07: container.json, pid and state.json may lie elsewhere, by option and by environment', NEEDS, async () => {
  const one = new NsinitDirectory()
  const data = scratch('data')
  mkdirSync(data)
  renameSync(one.file('container.json'), join(data, 'container.json'))
  const byOption = one.nsinit(['--data-path', data, 'exec', 'sh', '-c', 'hostname; ls /pid /container.json'])
  assert.deepEqual([byOption.stdout, byOption.status], ['nsinit\n', 1], byOption.stderr)
  const env = { data_path: data }
  const live = one.start(['sh', '-c', 'echo started; read line'], { env })
  await live.shows(/started/)
  assert.deepEqual(readdirSync(data).sort(), ['container.json', 'pid', 'state.json'])
  // Whoever joins needs no root file system to stand in.
  const joined = one.nsinit(['exec', 'hostname'], { cwd: '/', env })
  assert.deepEqual([joined.stdout, joined.status], ['nsinit\n', 0], joined.stderr)
  live.child.stdin?.end()
  await live.ended
  assert.deepEqual(readdirSync(data), ['container.json'])
})

test('L02: what is no directory of a container is refused by name, and nothing is made', NEEDS, () => {
  const one = new NsinitDirectory()
  const where = (cwd: string) => one.nsinit(['exec', 'true'], { cwd })
  assert.match(where(one.file('etc')).stderr, /etc has no container\.json/)
  assert.match(
    one.nsinit(['--data-path', '/nowhere', 'exec', 'true']).stderr,
    /data directory \/nowhere does not exist: make it/,
  )
  const removed = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"'
  const words = ['sh', '-c', removed, 'sh', process.execPath, CARREL, 'nsinit']
  const inRemoved = (more: readonly string[]) => {
    const [program = '', ...rest] = [...words, ...more]
    return spawnSync(program, rest, { cwd: one.path, encoding: 'utf8' })
  }
  assert.match(
    inRemoved(['exec', 'true']).stderr,
    /^carrel: The working directory was removed: cd to one that is there$/m,
  )
  // It stands for nothing that is named.
  assert.match(inRemoved(['--data-path', one.path, 'stats']).stderr, /^carrel: No container lives in /)
  const root = one.nsinit(['--data-path', one.path, 'exec', 'true'], { cwd: '/' })
  assert.deepEqual([root.status, root.stderr.includes('would be that of the host')], [125, true], root.stderr)
  assert.equal(one.stored, undefined)
})

test('L60: with freezer FROZEN it stands still from its start, and goes on when it is thawed', NEEDS, async () => {
  const one = new NsinitDirectory({ cgroups: { freezer: 'FROZEN' } })
  const running = one.start(['sh', '-c', 'n=0; while [ $n -lt 20 ]; do sleep 0.01; n=$((n+1)); done; echo done'])
  await eventually(
    () => one.has('pid') && one.groups.length > 0,
    () => running.errors(),
  )
  // v2's freezer where there is one, else v1's.
  const [file, thawed] = await eventually(
    () => one.groups.flatMap(freezersOf).find(([path, , frozen]) => readFileSync(path, 'utf8').trim() === frozen),
    () => `a frozen group among ${one.groups.join(' ')}`,
  )
  const refused = one.exec('true')
  assert.match(refused.stderr, /is paused: carrel nsinit unpause/)
  assert.equal(running.text(), '')
  writeFileSync(file, thawed)
  await running.shows(/done/)
  assert.equal((await running.ended).code, 0)
})

test('L10: a namespace that is not asked for is the caller’s', NEEDS, () => {
  const { NEWNET: _, ...rest } = NAMESPACES
  const one = new NsinitDirectory({ namespaces: rest })
  assert.equal(one.script('readlink /proc/self/ns/net'), `${namespaceOf('self', 'net')}\n`)
})

/** Files of a group that freeze it: path, what thaws it, what it says when it is frozen. */
const freezersOf = (group: string): readonly (readonly [string, string, string])[] =>
  (
    [
      [join(group, 'cgroup.freeze'), '0', '1'],
      [join(group, 'freezer.state'), 'THAWED', 'FROZEN'],
    ] as const
  ).filter(([path]) => existsSync(path))

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

const codes = (all: readonly Running[]): Promise<readonly (number | null)[]> =>
  Promise.all(all.map(async ({ ended }) => (await ended).code))
