import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Cgroup, cgroupMounts, cgroupOf, InvalidInputError, UnsupportedError } from '../../src/cgroup/index.ts'
import { Agent } from '../../src/process/index.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { directoryOf, isFrozen, isInTree, isUnifiedAlone, kernelSays, makeGroup, pidsIn, shellIn } from './groups.ts'

const ROOT = requires({ root: true })

let agent: Agent
before(async () => {
  agent = await Agent.start()
})
after(() => agent.close())

checkMachine()

test('G09, D-A27: add() moves a whole process, with all threads, in every hierarchy', ROOT, async () => {
  await using group = await makeGroup(agent, {}, { all: true })
  const script =
    'import threading,time\nthreading.Thread(target=time.sleep, args=(100,)).start()\nprint("ready", flush=True)\ntime.sleep(100)'
  const program = await (
    await agent.fork()
  ).exec('python3', ['python3', '-c', script], { env: { PATH: process.env['PATH'] ?? '' } })
  await program.stdout.take(1).toArray()
  const pid = program.hostPid ?? 0
  await group.add(pid)
  for (const pids of pidsIn(group)) assert.deepEqual(pids, [pid])
  assert.deepEqual(await group.processes(), [pid])
  const threads = await group.threads()
  assert.equal(threads.length, 2)
  for (const thread of threads) {
    const membership = readFileSync(`/proc/${pid}/task/${thread}/cgroup`, 'utf8')
    for (const directory of group.directories) assert(membership.includes(directory.slice(directory.lastIndexOf('/'))))
  }
  await group.kill()
})

test('G09: add() of a process that is not there is an error, and of what is no pid', ROOT, async () => {
  await using group = await makeGroup(agent)
  await assert.rejects(group.add(4_194_303), { name: 'SyscallError', errno: 'ESRCH' })
  for (const pid of [0, -1, 1.5, Number.NaN]) await assert.rejects(group.add(pid), InvalidInputError)
})

test('X02: a child is born in its v2 group, and in those of v1 before its first order', ROOT, async () => {
  await using group = await makeGroup(agent, {}, { all: true })
  await using child = await group.fork()
  const pid = child.hostPid ?? 0
  for (const pids of pidsIn(group)) assert.deepEqual(pids, [pid])
  // The steps that made it: no write of a pid into the v2 group, which moving would need.
  const steps: string[] = []
  const watched = await agent.fork()
  const attempt = watched.attempt.bind(watched)
  watched.attempt = (p, options) => {
    steps.push(String(p))
    return attempt(p, options)
  }
  const born = await group.fork(watched)
  const [making = ''] = steps.filter((text) => text.includes('clone3'))
  assert.equal(making.includes('CLONE_INTO_CGROUP'), isInTree(group))
  assert.equal(making.match(/write\(/g)?.length ?? 0, group.places.filter(({ version }) => version === 1).length)
  for (const pids of pidsIn(group)) assert(pids.includes(born.hostPid ?? 0))
  await watched.close()
})

test('X02: what a program does first, it does in its group', ROOT, async () => {
  await using group = await makeGroup(agent, { pids: { limit: 8 } })
  const program = await group.exec('/bin/cat', ['cat', '/proc/self/cgroup'], { env: {} })
  const text = (await program.stdout.toArray()).join('')
  for (const directory of group.directories) assert(text.includes(directory.slice(directory.lastIndexOf('/'))), text)
  assert.deepEqual(await program.exited.then(({ kind }) => kind), 'exited')
})

test('X02: a parent that sees no cgroup file system has children born in a group, too', ROOT, async () => {
  await using group = await makeGroup(agent, {}, { all: true })
  await using inner = await agent.clone(['CLONE_NEWNS', 'CLONE_NEWPID'])
  await inner.sys.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
  await inner.sys.mount('none', '/sys', 'tmpfs', [], null)
  const child = await group.fork(inner)
  assert.deepEqual(new Set(pidsIn(group).flat()), new Set([child.hostPid]))
})

test('X02: a fork that a limit refuses leaves nothing behind', ROOT, async () => {
  await using group = await makeGroup(agent, { pids: { limit: 1 } })
  await using first = await group.fork()
  const child = group.fork(first)
  await assert.rejects(child, { name: 'SyscallError', errno: 'EAGAIN' })
  assert.equal(first.children, 0)
  // On v1 a child is put into its group, which the limit does not refuse; on v2 it is born there.
  const bornInside = group.places.some(({ version, controllers }) => version === 2 && controllers.includes('pids'))
  await assert.rejects(group.exec('/no/such/program'), { errno: bornInside ? 'EAGAIN' : 'ENOENT' })
  assert.deepEqual(await group.processes(), [first.hostPid])
})

test('L60: freeze() resolves when all processes stand still, thaw() lets them run', ROOT, async () => {
  await using group = await makeGroup(agent, {}, { account: ['freezer'] })
  const program = await shellIn(group, 'while :; do :; done')
  await group.freeze()
  assert(isFrozen(group))
  const ticks = () => readFileSync(`/proc/${program.hostPid}/stat`, 'utf8').split(' ').slice(13, 15).join()
  const earlier = ticks()
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(ticks(), earlier)
  assert.equal((await group.statistics(['freezer'])).freezer, 'frozen')
  await group.thaw()
  assert(!isFrozen(group))
  await eventually(
    () => ticks() !== earlier,
    () => 'it does not run again',
  )
})

test('L60: the freezer of v1 does the same where there is no v2 group', ROOT, async () => {
  await using group = await makeGroup(agent, {}, { all: true })
  if (isUnifiedAlone(group)) return assert(existsSync(`${directoryOf(group, 'v2')}/cgroup.freeze`))
  const onV1 = await Cgroup.open(
    agent,
    group.places.filter(({ version }) => version === 1),
  )
  const program = await shellIn(group, 'while :; do :; done')
  await onV1.freeze()
  assert.equal(kernelSays(group, 'freezer', 'freezer.state'), 'FROZEN')
  await onV1.thaw()
  assert.equal(kernelSays(group, 'freezer', 'freezer.state'), 'THAWED')
  await onV1.freeze()
  // A process in v1's freezer takes no signal: kill() has to let it go.
  await group.kill()
  assert.deepEqual(await program.exited.then(({ kind }) => kind), 'signaled')
})

test('L60: a group that nothing can freeze is refused, not believed to stand still', ROOT, async () => {
  await using group = await makeGroup(agent, { pids: { limit: 5 } })
  if (isUnifiedAlone(group)) return assert(existsSync(`${directoryOf(group, 'v2')}/cgroup.freeze`))
  const alone = await Cgroup.open(
    agent,
    group.places.filter(({ version, controllers }) => version === 1 && !controllers.includes('freezer')),
  )
  await assert.rejects(
    alone.freeze(),
    (error: UnsupportedError) => error instanceof UnsupportedError && error.fact === 'freezer',
  )
})

test('X03: kill() ends everything at once by cgroup.kill, in groups below too', ROOT, async () => {
  await using group = await makeGroup(agent)
  await using first = await Cgroup.create(agent, 'first', {}, { parent: group })
  await using second = await Cgroup.create(agent, ['second', 'deep'], {}, { parent: group })
  const scripts = ['sleep 100 & sleep 100 & wait', 'setsid sleep 100 & wait'] as const
  const programs = [await shellIn(first, scripts[0]), await shellIn(second, scripts[1])]
  await eventually(
    () => pidsIn(first).flat().length + pidsIn(second).flat().length >= 5,
    () => 'they do not start',
  )
  assert.equal((await group.processes({ recursive: true })).length, 5)
  await group.kill()
  assert.deepEqual(await group.processes({ recursive: true }), [])
  for (const program of programs) assert.equal((await program.exited).kind, 'signaled')
})

test('X03: without cgroup.kill, processes that fork all the time are ended by the freezer loop', ROOT, async () => {
  await using group = await makeGroup(agent, { pids: { limit: 60 } }, { all: true })
  if (isUnifiedAlone(group)) return assert(existsSync(`${directoryOf(group, 'v2')}/cgroup.kill`))
  const onV1 = await Cgroup.open(
    agent,
    group.places.filter(({ version }) => version === 1),
  )
  // Every process replaces itself by a younger one: a list of pids is old when it is read.
  const program = await shellIn(group, 'f() { f & }; f; f; f; sleep 100')
  await eventually(
    () => pidsIn(group).flat().length > 2,
    () => 'nothing forks',
  )
  await onV1.kill('SIGKILL', { timeoutMs: 20_000 })
  assert.deepEqual(await group.processes(), [])
  await program.exited
})

test('kill() with another signal sends it to all and waits for nobody', ROOT, async () => {
  await using group = await makeGroup(agent)
  const program = await group.exec(
    '/bin/sh',
    ['sh', '-c', 'trap "exit 7" TERM; echo ready; while :; do sleep 0.01; done'],
    {
      env: { PATH: process.env['PATH'] ?? '' },
    },
  )
  await program.stdout.take(1).toArray()
  await group.kill('SIGTERM')
  const exit = await program.exited
  assert(exit.kind === 'exited' && exit.code === 7)
})

test('G12: the hierarchies and the groups of a process are those of its own mounts', ROOT, async () => {
  await using group = await makeGroup(agent, {}, { all: true })
  await using child = await group.fork()
  const mounts = await cgroupMounts(agent)
  const lines = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line))
  assert.equal(mounts.length, lines.length)
  for (const { directory } of mounts) assert(lines.some((line) => line.split(' ')[4] === directory))
  const memberships = await cgroupOf(agent, child.hostPid)
  const directories = memberships.map(({ directory }) => directory)
  for (const directory of group.directories) assert(directories.includes(directory), directory)
  assert.deepEqual(await cgroupOf(child), memberships)
  await assert.rejects(cgroupOf(agent, 4_194_303), { errno: 'ENOENT' })
  await using blind = await agent.clone(['CLONE_NEWNS'])
  await blind.sys.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
  await blind.sys.umount2('/sys/fs/cgroup', ['MNT_DETACH'])
  assert.deepEqual(await cgroupMounts(blind), [])
  assert.deepEqual(
    (await cgroupOf(blind)).filter(({ directory }) => directory !== undefined),
    [],
  )
})

test('G12: list() walks all groups below one, in every hierarchy', ROOT, async () => {
  await using group = await makeGroup(agent, {}, { all: true })
  for (let i = 0; i < 300; i++) await agent.sys.mkdirat('AT_FDCWD', `${directoryOf(group, 'pids')}/n${i}`, 0o755)
  await agent.sys.mkdirat('AT_FDCWD', `${directoryOf(group, 'pids')}/n0/deep`, 0o755)
  const listed = await Cgroup.list(agent, group.places)
  assert.equal(listed.length, 302)
  assert.deepEqual(listed[0], { names: [], places: group.places })
  assert.deepEqual(listed.at(-1)?.names, ['n0', 'deep'])
  assert.equal(listed.at(-1)?.places.length, 1)
})
