import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatGroupName, type GroupOwner } from '../../src/features/cgroups/owner.ts'
import { readHostFacts } from '../../src/host/probe.ts'
import { ownOwner } from '../../src/cgroup/owner.ts'
import { recordLine, type SandboxRecord } from '../../src/plan/sandbox-record.ts'
import { descendants, groupsOf } from '../sandbox/leaks.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { start } from './carrel.ts'
import { LiveBoxes } from './live-boxes.ts'

// `carrel gc`: what is left when node and the agent are both killed, so that nobody could tidy up.

const boxes = new LiveBoxes('gc')
before(() => mkdirSync(boxes.directory, { mode: 0o700 }))
after(() => boxes.close())
checkMachine()

interface Report {
  readonly dryRun: boolean
  readonly removed: readonly { readonly id: string | null; readonly pids: readonly number[] }[]
  readonly failed: readonly unknown[]
  readonly kept: readonly { readonly path: string; readonly reason: string }[]
}

const gc = (...words: readonly string[]): Report => JSON.parse(boxes.succeed(['gc', '--json', ...words])) as Report
const ids = ({ removed }: Report): readonly (string | null)[] => removed.map(({ id }) => id)

/** The directory of the host that groups of processes are made in, and what is made there is a group of. */
const { cgroups } = readHostFacts()
const parent = (cgroups.controllers.pids ?? cgroups.unified)?.parent ?? assert.fail('this host has no groups')

/** An owner that has ended: nothing has had its start time since. */
const dead = (): GroupOwner => ({ ...ownOwner(), start: 1 })

const recordOf = (id: string, owner: GroupOwner, directory: string): SandboxRecord => ({
  version: 1,
  id,
  owner,
  created: new Date().toISOString(),
  places: [{ directory, version: cgroups.controllers.pids?.version ?? 2, controllers: ['pids'] }],
  resources: {},
  net: 'none',
  user: { uid: 0, gid: 0 },
  rootfs: null,
})

test('X03: node and agent killed at any point: gc removes processes, groups and records, and finds nothing more', async () => {
  let leftovers = 0
  for (let round = 0; round < 10; round++) {
    const child = start(['run', '--', 'sleep', '1000'], { env: boxes.env, stdio: 'ignore' })
    const pid = child.pid ?? 0
    // At first when it has started all, then ever earlier: into the middle of its start.
    await sleep(round < 2 ? 1000 : 350 - 30 * round + 20 * Math.random())
    const below = descendants(pid)
    for (const each of below) killNow(each)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const found = [...groupsOf(pid), ...readdirSync(boxes.directory)]
    const { removed, failed } = gc()
    assert.deepEqual(failed, [])
    leftovers += removed.length
    assert.deepEqual([...groupsOf(pid), ...readdirSync(boxes.directory)], [], `round ${round}, before: ${found.join()}`)
    assert.deepEqual(below.filter(isAlive), [])
    assert.deepEqual(ids(gc()), [])
  }
  assert.ok(leftovers > 0, 'nothing was ever left to remove')
})

test('X03: gc leaves alone what lives, with groups and record, and says what it would do without doing it', async () => {
  const box = await boxes.start('exec sleep 1000')
  const [id, owner] = ['gone', dead()]
  const directory = join(parent, formatGroupName(id, owner))
  mkdirSync(directory)
  const lost = spawn('sleep', ['1000'])
  const ended = once(lost, 'exit')
  writeFileSync(join(directory, 'cgroup.procs'), String(lost.pid))
  const file = join(boxes.directory, 'gone.json')
  writeFileSync(file, recordLine(recordOf(id, owner, directory)))
  const groups = groupsOf(box.child.pid ?? 0)
  assert.ok(groups.length > 0)
  const would = gc('--dry-run')
  assert.deepEqual([would.dryRun, ids(would), would.removed[0]?.pids], [true, ['gone'], [lost.pid]])
  assert.match(
    boxes.succeed(['gc', '--dry-run']),
    /^would remove sandbox gone, whose owner was process \d+\n {2}process/,
  )
  assert.ok(existsSync(file) && existsSync(directory) && isAlive(lost.pid ?? 0))
  const did = boxes.succeed(['gc'])
  assert.match(did, /^removed sandbox gone, whose owner was process \d+$/m)
  assert.ok(did.includes(`\n  process ${lost.pid}\n  group ${directory}\n  record ${file}\n`), did)
  await ended
  assert.equal(lost.signalCode, 'SIGKILL')
  assert.ok(!existsSync(file) && !existsSync(directory))
  assert.deepEqual(groupsOf(box.child.pid ?? 0), groups)
  assert.ok(existsSync(box.stored.file))
  assert.equal(boxes.succeed(['gc']), 'Nothing is left of dead owners\n')
  await box.close()
})

test('X03: gc finds a group that lost its record by its name; it never touches one whose owner it cannot know', () => {
  const unknown = { ...dead(), pidns: ownOwner().pidns - 1 }
  const [stray, foreign, other] = [
    join(parent, formatGroupName('stray', dead())),
    join(parent, formatGroupName('foreign', unknown)),
    join(parent, `carrel-gc-test-${process.pid}`),
  ]
  const all = [stray, foreign, other]
  for (const directory of all) mkdirSync(directory)
  const file = join(boxes.directory, 'foreign.json')
  writeFileSync(file, recordLine(recordOf('foreign', unknown, foreign)))
  const report = gc()
  assert.deepEqual(ids(report), ['stray'])
  assert.deepEqual(all.map(existsSync), [false, true, true])
  assert.ok(report.kept.some(({ path, reason }) => path === file && /another pid namespace/.test(reason)))
  assert.ok(existsSync(file))
  rmdirSync(foreign)
  rmdirSync(other)
  boxes.forget('foreign')
})

test('X03: gc touches no group that a record names and that its names do not', async () => {
  const other = join(parent, `carrel-gc-test-${process.pid}`)
  mkdirSync(other)
  const bystander = spawn('sleep', ['1000'])
  writeFileSync(join(other, 'cgroup.procs'), String(bystander.pid))
  const file = join(boxes.directory, 'poison.json')
  writeFileSync(file, recordLine(recordOf('poison', dead(), other)))
  const { kept, removed } = gc()
  assert.deepEqual(removed, [])
  assert.match(
    kept.find(({ path }) => path === file)?.reason ?? '',
    /places\[0\]\.directory is no group of this sandbox/,
  )
  assert.ok(isAlive(bystander.pid ?? 0))
  // Once it is ended, its group can be removed by whoever made it.
  bystander.kill('SIGKILL')
  boxes.forget('poison')
  await eventually(
    () => {
      try {
        rmdirSync(other)
        return true
      } catch {
        return undefined
      }
    },
    () => 'the group was not left',
  )
})

test('gc removes an empty record only when nobody is there any more to write it', () => {
  const file = join(boxes.directory, 'empty.json')
  const writer = openSync(file, 'wx', 0o600)
  const kept = gc()
  assert.deepEqual(ids(kept), [])
  assert.ok(kept.kept.some(({ path }) => path === file))
  closeSync(writer)
  assert.deepEqual(ids(gc()), [null])
  assert.ok(!existsSync(file))
})

test('gc names what it cannot remove, goes on with the rest, and fails', () => {
  const [first, second] = [dead(), { ...dead(), start: 2 }]
  // A directory that is no group holds files: it cannot be removed as one.
  const wrong = join(boxes.data, formatGroupName('wrong', first))
  mkdirSync(wrong)
  writeFileSync(join(wrong, 'file'), '')
  writeFileSync(join(boxes.directory, 'wrong.json'), recordLine(recordOf('wrong', first, wrong)))
  const right = join(parent, formatGroupName('right', second))
  mkdirSync(right)
  writeFileSync(join(boxes.directory, 'right.json'), recordLine(recordOf('right', second, right)))
  const guarded = spawn('sleep', ['1000'])
  writeFileSync(join(wrong, 'cgroup.procs'), `${guarded.pid}\n`)
  assert.equal(boxes.carrel(['gc', '--dry-run']).status, 125)
  const { status, stdout, stderr } = boxes.carrel(['gc'])
  assert.ok(isAlive(guarded.pid ?? 0), 'what no group holds is not ended')
  guarded.kill('SIGKILL')
  assert.equal(status, 125)
  assert.match(stdout, /^removed sandbox right/m)
  assert.match(stderr, /^carrel: sandbox wrong cannot be removed: .* is in no cgroup file system/)
  assert.ok(!existsSync(right) && existsSync(join(wrong, 'file')))
  boxes.forget('wrong')
})

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It went with one that was killed before it.
  }
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
