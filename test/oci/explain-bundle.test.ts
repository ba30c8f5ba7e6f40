import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { nodeKernel } from '../../src/kernel/node.ts'
import { explainBundle } from '../../src/oci/lifecycle/explain-bundle.ts'
import { explainProgram } from '../../src/plan/explain.ts'
import { carrel } from '../cli/carrel.ts'
import { compare, expectedOf } from '../sandbox/compare-calls.ts'
import { parse, type Traced } from '../sandbox/strace.ts'
import { eventually } from '../support/eventually.ts'
import { bundle, type Changes, oci, ociOk, RUNTIME, script, stateRoot, undoAfterTest, useOci } from '../support/oci.ts'
import { writeConfig } from '../support/oci-bundle.ts'
import { requires } from '../support/requires.ts'

useOci()
const ROOT = requires({ root: true })
/** Of the maker, of the first process before and in its root, and at its start */
const TITLES = [
  /^the maker,/,
  /^the first process/,
  /^the same process, with its root/,
  /^the same process, when it is started/,
]

/** How a first process that was created waits for `start`: bundle/start/gate-steps.ts */
const GATE = { accept4: /./, dup3: /./, close: /./ }

test('carrel explain --bundle prints the programs of a start, with reasons, and makes nothing', ROOT, async () => {
  const made = bundle({ process: { rlimits: [{ type: 'RLIMIT_NOFILE', soft: 64, hard: 64 }] } })
  const { status, stdout, stderr } = carrel(['explain', '--bundle', made.path])
  assert.equal(status, 0, stderr)
  const titles = [...stdout.matchAll(/^== (.*) \(\d+ steps\)$/gm)].map(([, title = '']) => title)
  assert.equal(titles.length, TITLES.length, titles.join())
  TITLES.forEach((title, index) => assert.match(titles[index] ?? '', title))
  const programs = await explainBundle(nodeKernel(), made.path)
  for (const { title, program } of programs) assert.ok(stdout.includes(explainProgram(title, program)), title)
  assert.match(stdout, /RLIMIT_NOFILE, \{rlim_cur=64, rlim_max=64\}/)
  assert.match(stdout, /execve.*\/bin\/sleep.*"1000"/)
  assert.ok(!existsSync(`/sys/fs/cgroup/memory${made.cgroup}`))
})

test(
  'what carrel explain --bundle prints is what create and start do, call by call, as strace sees them',
  ROOT,
  async () => {
    const made = bundle({
      process: { ...script('exit 0'), oomScoreAdj: 100 },
      linux: { resources: { pids: { limit: 20 } } },
    })
    const programs = await explainBundle(nodeKernel(), made.path)
    const [maker = [], ...first] = programs.map(({ program }) => expectedOf(program))
    const calls = await traced(made.path)
    const agent = [...calls.values()].find((each) => each.some(isAgent)) ?? assert.fail('no agent was traced')
    const birth = agent.find(({ name, args }) => name === 'clone3' && args.includes('CLONE_NEWNS'))
    assert.ok(birth)
    // Before its first wait it has only made itself ready: agent/main.c.
    const waits = agent.findIndex(({ name }, index) => index > agent.findIndex(isAgent) && name === 'ppoll')
    assert.equal(compare(agent.slice(waits), maker, { exit_group: /^0$/ }), undefined)
    const born = calls.get(Number(birth.result.split(' ').at(-1))) ?? assert.fail(birth.result)
    const executed = born.findIndex(({ name, args }) => name === 'execve' && args.includes('/bin/sh'))
    assert.equal(compare(born.slice(0, executed + 1), first.flat(), GATE), undefined)
  },
)

const isAgent = ({ name, args }: Traced): boolean => /^execve(?:at)?$/.test(name) && args.includes('"carrel-agent"')

/** `create` under strace, then `start` outside of it. */
async function traced(path: string): Promise<ReadonlyMap<number, readonly Traced[]>> {
  // The programs name the container as they were planned for it.
  const [id, file, pidFile] = ['ID', join(path, 'trace'), join(path, 'pid')]
  const create = ['--root', stateRoot(), 'create', '--bundle', path, '--pid-file', pidFile, id]
  // -I 1: else nothing ends strace before the container.
  const options = ['-f', '-I', '1', '-s', '4096', '-v', '-a', '1', '-e', 'signal=none', '-o', file]
  const strace = spawn('strace', [...options, ...RUNTIME.command, ...create], { stdio: 'ignore' })
  const ended = once(strace, 'exit')
  undoAfterTest(() => {
    oci(['delete', '--force', id])
    strace.kill('SIGKILL')
  })
  await eventually(
    () => existsSync(pidFile) && oci(['state', id]).status === 0,
    () => 'create under strace',
  )
  ociOk(['start', id])
  await ended
  return parse(readFileSync(file, 'utf8'))
}

const REFUSED: readonly (readonly [pointer: string, changes: Changes])[] = [
  ['/process/cwd', { process: { cwd: 'relative' } }],
  ['/process', { process: undefined }],
  ['/linux/namespaces/0/type', { linux: { namespaces: [{ type: 'nothing' }] } }],
  [
    '/linux/sysctl/net.ipv4.ip_forward',
    { linux: { namespaces: [{ type: 'mount' }], sysctl: { 'net.ipv4.ip_forward': '1' } } },
  ],
]

for (const [pointer, changes] of REFUSED) {
  test(`carrel explain --bundle names ${pointer} when it is wrong`, ROOT, () => {
    const { status, stdout, stderr } = carrel(['explain', '--bundle', bundle(changes).path])
    assert.notEqual(status, 0)
    assert.equal(stdout, '')
    assert.ok(stderr.includes(`${pointer} `), stderr)
  })
}

test('carrel explain --bundle says what is wrong with a bundle that cannot be read', ROOT, () => {
  const made = bundle()
  const missing = carrel(['explain', '--bundle', join(made.path, 'nothing')])
  assert.notEqual(missing.status, 0)
  assert.match(missing.stderr, /nothing has no config\.json: no such file or directory/)
  writeConfig(made.path, [] as unknown as Changes)
  assert.match(carrel(['explain', '--bundle', made.path]).stderr, /must be an object/)
})

test('carrel explain --bundle is in the command’s help and in the guide', () => {
  assert.match(carrel(['explain', '--help']).stdout, /--bundle <dir>/)
})
