import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { UnsupportedError } from '../../src/base/errors.ts'
import type { CgroupFacts } from '../../src/host/facts.ts'
import { fetchAnswers } from '../../src/host/fetch-answers.ts'
import { readHostFacts } from '../../src/host/probe.ts'
import { readCgroupFacts, readHostFactsOf } from '../../src/host/process-source.ts'
import { Agent } from '../../src/process/agent.ts'
import { requires } from '../support/requires.ts'

let root: Agent
before(async () => {
  root = await Agent.start()
})
after(() => root.close())

const here = readHostFacts()

/** A child in a mount namespace of its own, in which the test may cover what it likes. */
async function withMounts(): Promise<Agent> {
  const agent = await root.clone(['CLONE_NEWNS'])
  await agent.sys.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
  return agent
}

const mountPoints = (type: string): string[] =>
  execFileSync('awk', [`$(NF-2) == "${type}" { print $5 }`, '/proc/self/mountinfo'], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)

/** A new directory below each of these, removed when the test has ended. */
async function withGroup(parent: string, use: (directory: string) => Promise<void>): Promise<void> {
  const directory = `${parent}/carrel-host-${process.pid}`
  mkdirSync(directory)
  try {
    await use(directory)
  } finally {
    rmdirSync(directory)
  }
}

test('G01: readHostFactsOf() tells of a process beside this one what readHostFacts() tells of this one', async () => {
  assert.deepEqual(await readHostFactsOf(root), structuredClone(here))
})

test(
  'G01: readCgroupFacts() finds no hierarchy where all are covered in the process',
  requires({ root: true }),
  async () => {
    const agent = await withMounts()
    await agent.sys.mount('none', '/sys/fs/cgroup', 'tmpfs', [], null)
    const { mode, controllers, unified } = await readCgroupFacts(agent)
    assert.deepEqual([mode, controllers, unified], ['none', {}, undefined])
    assert.deepEqual(await readCgroupFacts(root), structuredClone(here.cgroups), 'the parent still sees all')
    await agent.close()
  },
)

test(
  'G01: readCgroupFacts() knows that hierarchies are read-only in the process',
  requires({ root: true }),
  async () => {
    const agent = await withMounts()
    const places = [...mountPoints('cgroup'), ...mountPoints('cgroup2')]
    for (const place of places) {
      await agent.sys.mount(null, place, null, ['MS_REMOUNT', 'MS_BIND', 'MS_RDONLY'], null)
    }
    const { controllers, unified } = await readCgroupFacts(agent)
    const answers = [...Object.values(controllers), unified].flatMap((one) => (one ? [one.usable] : []))
    assert(answers.length > 0)
    for (const answer of answers)
      assert(!answer.ok && answer.reason.endsWith('is mounted read-only'), JSON.stringify(answer))
    await agent.close()
  },
)

test(
  'G01: readCgroupFacts() reads all mounts of a process, however many there are',
  requires({ root: true }),
  async () => {
    const agent = await withMounts()
    const directory = mkdtempSync(join(tmpdir(), 'carrel-host-'))
    // A read(2) gives a page of whole lines, however much is asked for: here each is nearly one.
    for (let i = 0; i < 12; i++) await agent.sys.mount('x'.repeat(3500), directory, 'tmpfs', [], null)
    assert.deepEqual(await readCgroupFacts(agent), structuredClone(here.cgroups))
    await agent.close()
    rmdirSync(directory)
  },
)

test('fetchAnswers() gives the whole of a file, and nothing of one that cannot be read to its end', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'carrel-host-'))
  try {
    const [long, half] = [join(directory, 'long'), join(directory, 'half')]
    writeFileSync(long, 'x'.repeat(100_000))
    execFileSync('mkfifo', [half])
    // With a writer that says nothing more, the second read is an error.
    const fifo = openSync(half, 'r+')
    writeSync(fifo, 'half')
    const answers = await fetchAnswers(
      root,
      [half, long].map((path) => ({ kind: 'text', path })),
    )
    closeSync(fifo)
    const byPath = new Map(answers.map(([{ path }, answer]) => [path, answer]))
    assert.deepEqual(
      byPath,
      new Map([
        [half, undefined],
        [long, 'x'.repeat(100_000)],
      ] as const),
    )
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test(
  'G01: readCgroupFacts() reads below the root of the process, and needs a procfs there',
  requires({ root: true }),
  async () => {
    const agent = await withMounts()
    const directory = mkdtempSync(join(tmpdir(), 'carrel-host-'))
    await agent.sys.mount('none', directory, 'tmpfs', [], null)
    await agent.sys.mkdir(`${directory}/proc`, 0o755)
    await agent.sys.chroot(directory)
    await assert.rejects(readCgroupFacts(agent), UnsupportedError)
    await agent.sys.mount('proc', '/proc', 'proc', [], null)
    const { mode, controllers } = await readCgroupFacts(agent)
    assert.deepEqual([mode, controllers], ['none', {}])
    await agent.close()
    rmdirSync(directory)
  },
)

test(
  'G01: readCgroupFacts() tells of an ordinary user that groups of root are not its own',
  requires({ root: true }),
  async () => {
    const agent = await root.fork()
    await agent.setUser({ uid: 65534, gid: 65534 })
    const { controllers, deviceRules } = await readCgroupFacts(agent)
    assert(Object.keys(controllers).length > 0)
    for (const [name, { usable }] of Object.entries(controllers)) {
      assert(!usable.ok && usable.reason.startsWith('this process may not write to '), name)
    }
    assert.equal(deviceRules.ok, false)
    await agent.close()
  },
)

/** Where groups of a v1 controller of this machine, or of its v2 tree, can be made. */
function placeOf({ controllers, unified }: CgroupFacts): { readonly parent: string; readonly v1: boolean } | undefined {
  const memory = controllers.memory
  if (memory?.version === 1 && memory.usable.ok) return { parent: memory.parent, v1: true }
  return unified?.usable.ok ? { parent: unified.parent, v1: false } : undefined
}

test(
  'G01, X01: readCgroupFacts() begins at the group that the process itself is in',
  requires({ root: true }),
  async () => {
    const place = placeOf(here.cgroups)
    assert(place, 'no group can be made here')
    await withGroup(place.parent, async (group) => {
      const agent = await root.fork()
      writeFileSync(`${group}/cgroup.procs`, String(agent.hostPid))
      const { controllers, unified } = await readCgroupFacts(agent)
      assert.equal(place.v1 ? controllers.memory?.parent : unified?.own, group)
      await agent.close()
    })
  },
)

test(
  'X01: readCgroupFacts() has only the tree of this process leave its v2 group',
  requires({ root: true }),
  async (t) => {
    const { unified, mode } = here.cgroups
    const controllers =
      unified && execFileSync('cat', [`${unified.parent}/cgroup.controllers`], { encoding: 'utf8' }).trim()
    if (!unified?.usable.ok || !controllers) return t.skip(`no v2 controller in mode ${mode}`)
    await withGroup(unified.parent, async (group) => {
      const agent = await root.fork()
      writeFileSync(`${group}/cgroup.procs`, String(agent.hostPid))
      const facts = await readCgroupFacts(agent)
      assert.deepEqual(facts.unified?.vacate, { directory: group, leaf: `${group}/carrel-self`, pids: [agent.hostPid] })
      // Its parent is no descendant of it, but of what all processes of this tree belong to.
      const child = await agent.fork()
      writeFileSync(`${group}/cgroup.procs`, String(child.hostPid))
      assert.deepEqual((await readCgroupFacts(child)).unified?.vacate?.pids, [agent.hostPid, child.hostPid])
      assert(!existsSync(`${group}/carrel-self`), 'reading facts changes nothing')
      await agent.close()
    })
  },
)
