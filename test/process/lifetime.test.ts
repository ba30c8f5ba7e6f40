import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import { program } from '../../src/program/builder.ts'
import { cgroupsOf, checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { type Script, startScript } from '../support/node-script.ts'
import { descendants, seen, type Seen, survivors, withCommandLine } from '../support/proc.ts'

checkMachine()

/** What the end of Node may leave for so long, in milliseconds. */
const GONE_MS = 200
const ROUNDS = process.getuid?.() === 0 ? 20 : 5

function ownFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-lifetime-'))
  chmodSync(folder, 0o777)
  return folder
}

/** The root of an ended tree waits for this machine's own init to take its status: a zombie holds nothing. */
const alive = (tree: readonly Seen[]): readonly Seen[] => survivors(tree).filter((each) => each.state !== 'Z')

interface Ending {
  readonly how: 'SIGKILL' | 'exit' | 'throw'
  readonly round: number
}

/** Starts the tree, ends its Node, and gives how long it took until nothing was left, in milliseconds. */
async function endOfTree({ how, round }: Ending): Promise<number> {
  const folder = ownFolder()
  const mark = `${process.pid}${String(round).padStart(3, '0')}`
  const script = startScript('test/process/scripts/tree.ts', { args: [how === 'SIGKILL' ? 'wait' : how, mark, folder] })
  try {
    await script.line
    return await endOf(script, { how, mark, folder })
  } finally {
    script.child.kill('SIGKILL')
  }
}

interface Tree {
  readonly how: Ending['how']
  readonly mark: string
  readonly folder: string
}

async function endOf(script: Script, { how, mark, folder }: Tree): Promise<number> {
  const node = script.child.pid as number
  const sleeps = () => withCommandLine(`98765.${mark}`)
  await eventually(
    () => sleeps().length >= 12,
    () => `${sleeps().length} programs run`,
  )
  await eventually(
    () => descendants(node).filter((each) => each.state === 'T').length >= 2,
    () => 'an agent and a program are stopped',
  )
  const tree = [...descendants(node), ...sleeps()]
  assert.ok(tree.filter((each) => each.name === 'carrel').length >= 5, JSON.stringify(tree))
  const left = () => [
    ...alive(tree).map((each) => `${each.pid} (${each.name}, ${each.state})`),
    ...(existsSync(folder) ? [folder] : []),
    ...cgroupsOf(`carrel-test-${process.pid}-${mark}`),
    ...readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(folder)),
  ]
  const begin = performance.now()
  process.kill(node, how === 'SIGKILL' ? 'SIGKILL' : 'SIGUSR2')
  const exit = await script.ended
  const ended = how === 'SIGKILL' ? begin : performance.now()
  await eventually(
    () => left().length === 0,
    () => left().join(', '),
  )
  const took = performance.now() - ended
  assert.deepEqual(sleeps(), [])
  assert.deepEqual(
    [exit.code, exit.signal],
    how === 'SIGKILL' ? [null, 'SIGKILL'] : [how === 'exit' ? 0 : 1, null],
    exit.stderr,
  )
  return took
}

test(
  `X06, X32: ${ROUNDS} times the end of Node (SIGKILL, exit, exception): within ${GONE_MS} ms nothing of the tree is left`,
  { timeout: 120_000 },
  async (t) => {
    const took: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const how = round % 5 === 3 ? 'exit' : round % 5 === 4 ? 'throw' : 'SIGKILL'
      took.push(await endOfTree({ how, round }))
    }
    const [slowest] = took.map(Math.round).sort((a, b) => b - a)
    t.diagnostic(`slowest end: ${slowest} ms, of ${took.map(Math.round).join(' ')}`)
    // The machine is shared with other tests: one round may have waited for a processor.
    const late = took.filter((ms) => ms > GONE_MS)
    assert.ok(late.length <= 1, `took ${took.map(Math.round).join(', ')} ms`)
  },
)

test('an idle agent does not keep Node alive, nor do children, events, clean-ups', async () => {
  const script = startScript('test/process/scripts/idle.ts')
  const pid = Number(await script.line)
  const { code, stderr } = await script.ended
  assert.deepEqual([code, stderr], [0, ''])
  await eventually(
    () => (seen(pid)?.state ?? 'Z') === 'Z',
    () => `the end of ${pid}`,
  )
})

test('an awaited program keeps Node alive until it has ended', async () => {
  const { code, stdout, stderr } = await startScript('test/process/scripts/awaiting.ts').ended
  assert.deepEqual([code, stdout, stderr], [0, 'exited 5\n', ''])
})

test('detach(): the program runs on after the end of Node; then the agent cleans up and ends', async () => {
  const folder = ownFolder()
  mkdirSync(join(folder, 'held'))
  const program_ = `while [ ! -e ${folder}/go ]; do sleep 0.02; done; (setsid sh -c "sleep 0.1; echo late > ${folder}/late" &)`
  const script = startScript('test/process/scripts/detaching.ts', { args: [folder, program_] })
  const [root = 0, sh = 0] = (await script.line).split(' ').map(Number)
  assert.equal((await script.ended).code, 0)
  await new Promise((resolve) => setTimeout(resolve, GONE_MS))
  assert.equal(seen(sh)?.parent, root)
  assert.ok(existsSync(join(folder, 'held')))
  mkdirSync(join(folder, 'go'))
  await eventually(
    () => !existsSync(join(folder, 'held')),
    () => 'the clean-up program of the detached agent',
  )
  assert.equal(readFileSync(join(folder, 'late'), 'utf8'), 'late\n')
  await eventually(
    () => (seen(root)?.state ?? 'Z') === 'Z',
    () => `the end of ${root}`,
  )
  rmSync(folder, { recursive: true })
})

test('onEnd(): close() runs the programs, newest first; a key is replaced and forgotten', async () => {
  const folder = ownFolder()
  const agent = await Agent.start()
  const note = (text: string) => {
    const p = program()
    const file = p.openat('AT_FDCWD', join(folder, 'notes'), ['O_WRONLY', 'O_CREAT', 'O_APPEND', 'O_CLOEXEC'], 0o600)
    p.write(file, text)
    p.close(file)
    return p
  }
  agent.onEnd(1, note('first '))
  agent.onEnd(2, note('never '))
  agent.onEnd(3, note('third '))
  agent.onEnd(2, note('second '))
  agent.onEnd(4, note('forgotten '))
  agent.onEnd(4, null)
  await agent.close()
  assert.equal(readFileSync(join(folder, 'notes'), 'utf8'), 'second third first ')
  rmSync(folder, { recursive: true })
})

test('onEnd() of a child runs when that child is closed, not its parent’s', async () => {
  const folder = ownFolder()
  const [mine, parents] = [join(folder, 'mine'), join(folder, 'parents')]
  for (const path of [mine, parents]) mkdirSync(path)
  const removing = (path: string) => {
    const p = program()
    p.unlinkat('AT_FDCWD', path, ['AT_REMOVEDIR'])
    return p
  }
  const root = await Agent.start()
  root.onEnd(1, removing(parents))
  const child = await root.fork()
  child.onEnd(1, removing(mine))
  await child.close()
  assert.deepEqual([existsSync(mine), existsSync(parents)], [false, true])
  await root.close()
  assert.equal(existsSync(parents), false)
  rmSync(folder, { recursive: true })
})

test('close() of an agent that is inside a call that never returns: its clean-up runs too', async () => {
  const folder = ownFolder()
  const agent = await Agent.start()
  const child = await agent.fork()
  const p = program()
  p.unlinkat('AT_FDCWD', folder, ['AT_REMOVEDIR'])
  agent.onEnd(1, p)
  const pending = [agent, agent, child].map((each) =>
    assert.rejects(each.sys.nanosleep({ tv_sec: 98_765, tv_nsec: 0 })),
  )
  const begin = performance.now()
  await agent.close()
  // close() itself kills after 5000.
  assert.ok(performance.now() - begin < 4000)
  await Promise.all(pending)
  assert.equal(existsSync(folder), false)
})

test('the death of an agent in the middle ends what is below it, and nothing else', async () => {
  await using root = await Agent.start()
  const [middle, sibling] = await Promise.all([root.fork(), root.fork()])
  const leaf = await middle.fork()
  const sh = await (await middle.fork()).exec('/bin/sleep', ['sleep', '1000'], { stdio: 'null' })
  middle.kill('SIGKILL')
  await sh.exited
  await eventually(
    () => descendants(root.pid).length === 1,
    () => JSON.stringify(descendants(root.pid)),
  )
  await assert.rejects(leaf.sys.getpid(), { name: 'AgentError' })
  assert.equal(await sibling.sys.getppid(), root.pid)
})

test('an agent whose `exited` was asked for keeps Node alive until it has ended, one with a listener does not', async () => {
  const awaited = await startScript('test/process/scripts/exited.ts').ended
  assert.deepEqual([awaited.code, awaited.stdout, awaited.stderr], [0, 'SIGKILL\n', ''])
  const heard = await startScript('test/process/scripts/exited.ts', { args: ['listen'] }).ended
  assert.deepEqual([heard.code, heard.stdout, heard.stderr], [0, '', ''])
})
