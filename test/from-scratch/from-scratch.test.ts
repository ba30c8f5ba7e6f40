import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { decodeMountinfo } from '../../src/linux/mountinfo.ts'
import { carrel } from '../cli/carrel.ts'
import { Tmux } from '../cli/tmux.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { hierarchyOf } from '../support/hierarchies.ts'
import {
  allProcesses,
  descendants,
  descriptorsOf,
  isAlive,
  namespaceOf,
  type Seen,
  statusField,
  survivors,
} from '../support/proc.ts'
import { REPOSITORY } from '../support/repository.ts'
import { requires } from '../support/requires.ts'
import { pidsGroupOf, runStep, type Sleeping, startStep, STEPS, whileItSleeps } from './step.ts'

const WHOLE = 7
const isRoot = process.getuid?.() === 0

/** The whole program, which most tests look at; its command leaves orphans behind before it sleeps. */
let box: Sleeping & { stop(): Promise<void> }
before(async () => {
  if (!isRoot) return
  const words = ['sh', '-c', '( (true &); (true &) ); exec sleep 1000']
  box = await startStep(WHOLE, { words, env: { SECRET: 'x' } })
})
after(() => box?.stop())

checkMachine()

const ROOT = requires({ root: true })
const BUSYBOX = requires({ root: true, program: '/bin/busybox' })
const hierarchy = hierarchyOf('pids') ?? hierarchyOf('v2') ?? ''

/** Which namespaces each step before the last makes. */
const MADE: readonly (readonly string[])[] = [
  [],
  ['uts'],
  ['uts', 'pid'],
  ['uts', 'pid', 'mnt'],
  ['uts', 'pid', 'mnt'],
  ['uts', 'pid', 'mnt'],
]

/** A root of busybox alone, with a command that the host does not have. */
let root = ''
before(() => {
  root = mkdtempSync(join(tmpdir(), 'carrel-test-root-'))
  chmodSync(root, 0o755)
  for (const name of ['bin', 'proc', 'mytemp', 'tmp']) mkdirSync(join(root, name), { mode: 0o755 })
  if (existsSync('/bin/busybox')) cpSync('/bin/busybox', join(root, 'bin/busybox'))
  for (const name of ['sh', 'ls', 'cat', 'sleep', 'hostname', 'pwd']) symlinkSync('busybox', join(root, 'bin', name))
  writeFileSync(join(root, 'bin/only-inside'), '#!/bin/sh\necho inside\n', { mode: 0o755 })
})
after(() => rmSync(root, { recursive: true }))

const named = (field: string, pid: number): string => statusField(pid, field)

test('the seven steps are whole programs of at most 60 lines', () => {
  assert.equal(STEPS.length, 7)
  for (const name of STEPS) {
    const text = readFileSync(join(REPOSITORY, 'examples/from-scratch', name), 'utf8')
    assert(text.split('\n').length <= 61, name)
  }
})

const ALL_KINDS = ['uts', 'pid', 'mnt', 'user', 'ipc', 'net', 'cgroup']
const madeBy = (pid: number): readonly string[] =>
  ALL_KINDS.filter((kind) => namespaceOf(pid, kind) !== namespaceOf('self', kind))

for (const [index, kinds] of MADE.entries()) {
  test(
    `R02: step ${index + 1} has its own ${kinds.join(', ') || 'nothing'}, and all else is the host's`,
    ROOT,
    async () => {
      await whileItSleeps(index + 1, ({ command }) => assert.deepEqual(madeBy(command.pid), kinds))
    },
  )
}

test("R02, D-R04: step 7 shares no namespace with the host, its users' included", ROOT, () => {
  assert.deepEqual(madeBy(box.command.pid), ALL_KINDS)
})

for (const step of [1, WHOLE]) {
  test(
    `R01, R03, D-R01: step ${step} says the command, passes its streams, and ends with its exit code and no more`,
    ROOT,
    () => {
      const done = runStep(step, ['run', 'sh', '-c', 'cat; echo error >&2; exit 7'], { input: 'through\n' })
      assert.equal(done.status, 7)
      assert.equal(done.stdout, 'through\n')
      assert.match(
        done.stderr,
        /^running sh -c cat; echo error >&2; exit 7 as process \d+, which the host calls \d+\nerror\n$/,
      )
    },
  )
}

test('D-R01: a signal that ends the command is told as shells tell it', ROOT, () => {
  assert.equal(runStep(WHOLE, ['sh', '-c', 'kill -9 $$']).status, 128 + 9)
})

test('R03: the streams of the command are those of its caller themselves', ROOT, () => {
  const [own, given] = [descriptorsOf(box.node), descriptorsOf(box.command.pid)]
  assert.deepEqual([...given.keys()], [0, 1, 2])
  for (const number of [0, 1, 2]) assert.equal(given.get(number), own.get(number))
})

test('R03: on a terminal it has job control, and Ctrl-C ends what runs in it, not the container', ROOT, async () => {
  const tmux = Tmux.start('bash --norc --noprofile', { TERM: 'screen' })
  try {
    tmux.line(
      `cd ${REPOSITORY} && clear && ${process.execPath} --import tsx examples/from-scratch/${STEPS[WHOLE - 1]} bash`,
    )
    await tmux.shows(/^running bash as process 2, .*\nbash-.*#$/)
    tmux.line('stty size; sleep 1000; echo "inside: $$"')
    await tmux.shows(/^30 100$/)
    tmux.resize(90, 20)
    const sleeper = await eventually(
      () =>
        allProcesses().find(
          ({ pid, name }) =>
            name === 'sleep' && pid !== box.command.pid && namespaceOf(pid, 'uts') !== namespaceOf('self', 'uts'),
        ),
      () => 'sleep runs',
    )
    tmux.keys('C-c')
    await eventually(
      () => !isAlive(sleeper.pid),
      () => 'Ctrl-C ends sleep',
    )
    tmux.line('echo "still in $$"; stty size; exit 6')
    await tmux.shows(/^still in 2\n20 90$/)
    tmux.line('echo "code $?"; stty -a | grep -o " icanon"')
    await tmux.shows(/^code 6\n icanon$/)
  } finally {
    tmux.stop()
  }
})

test('R10: what it does not know prints help; an error is one line and an exit code', ROOT, () => {
  for (const [words, status] of [
    [['--help'], 0],
    [['run'], 2],
    [['--limit', '3'], 2],
  ] as const) {
    const help = runStep(WHOLE, words)
    assert.deepEqual([help.status, help.stderr], [status, ''])
    assert.match(help.stdout, /^Usage: 7-no-privileges\.ts \[run\] COMMAND \[ARGS\]\n/)
  }
  const unknown = runStep(WHOLE, ['run', 'no-such-command'])
  assert.equal(unknown.status, 127)
  assert.match(
    unknown.stderr,
    /^running no-such-command .*\nexecve\(.*ENOENT.*No directory of PATH holds this command.*\n$/,
  )
  const nowhere = runStep(WHOLE, ['run', 'true'], { env: { ROOT: '/etc/hostname' } })
  assert.equal(nowhere.status, 1)
  assert.match(nowhere.stderr, /^[^\n]*ENOTDIR[^\n]*\n$/)
})

test('R10: whoever is not root is told what a step needs', ROOT, () => {
  const user = (step: number, ...words: readonly string[]) =>
    spawnSync(
      'unshare',
      [
        '--user',
        '--map-user=12345',
        process.execPath,
        '--import',
        'tsx',
        `examples/from-scratch/${STEPS[step - 1]}`,
        ...words,
      ],
      {
        cwd: REPOSITORY,
        encoding: 'utf8',
      },
    )
  for (const step of [2, WHOLE]) {
    const told = user(step, 'true')
    assert.equal(told.status, 1)
    assert.match(told.stderr, /^needs root, for /)
  }
  assert.equal(user(WHOLE).status, 0)
  assert.match(user(1, 'sh', '-c', 'exit 3').stderr, /^running sh/)
})

test(
  'R04, R05: PID 1 and all below it are in a group of their own from their first moment on, at most 20',
  ROOT,
  () => {
    const group = pidsGroupOf(box.init, hierarchy)
    assert.equal(basename(group), `from-scratch-${box.node}`)
    assert.equal(readFileSync(`${group}/pids.max`, 'utf8'), '20\n')
    const members = readFileSync(`${group}/cgroup.procs`, 'utf8').trim().split('\n')
    assert.deepEqual(new Set(members.map(Number)), new Set([box.init, box.command.pid]))
    // notify_on_release would have the host's release_agent run.
    if (existsSync(`${group}/notify_on_release`))
      assert.equal(readFileSync(`${group}/notify_on_release`, 'utf8'), '0\n')
  },
)

test('D-R05, D-R03: two at once have a group and a limit each; killed, one takes its own along', ROOT, async () => {
  const other = await startStep(WHOLE)
  try {
    const groups = [box, other].map(({ init }) => pidsGroupOf(init, hierarchy))
    assert.notEqual(groups[0], groups[1])
    for (const group of groups) assert.equal(readFileSync(`${group}/pids.current`, 'utf8'), '2\n')
    const ids = [box, other].map(({ command }) => readFileSync(`/proc/${command.pid}/uid_map`, 'utf8'))
    assert.notEqual(ids[0], ids[1])
    process.kill(other.node, 'SIGKILL')
    await eventually(
      () => !existsSync(groups[1] ?? '') && !isAlive(other.init) && !isAlive(other.command.pid),
      () => `${groups[1]} is gone`,
    )
    assert(existsSync(groups[0] ?? ''))
  } finally {
    await other.stop()
  }
})

test("R06: the name in it is container, the host's is unchanged", ROOT, () => {
  const enter = ['--target', String(box.command.pid), '--uts', 'uname', '-n']
  assert.equal(spawnSync('nsenter', enter, { encoding: 'utf8' }).stdout, 'container\n')
  assert.notEqual(hostname(), 'container')
})

test('R07, D-R02: its root is the directory ROOT, and the command is looked up in there', BUSYBOX, () => {
  for (const step of [4, WHOLE]) {
    const inside = runStep(step, ['run', 'only-inside'], { env: { ROOT: root, PATH: process.env['PATH'] ?? '' } })
    assert.deepEqual([inside.status, inside.stdout], [0, 'inside\n'])
    const listed = runStep(step, ['run', 'sh', '-c', 'pwd; cd ../..; ls'], { env: { ROOT: root } })
    assert.equal(listed.stdout, '/\nbin\nmytemp\nproc\ntmp\n')
    // The host has it, in a directory of its PATH.
    assert.equal(runStep(step, ['run', 'node'], { env: { ROOT: root } }).status, 127)
  }
})

test("R07, D-R04: nothing of the host's root is left but /usr, and there is no way up", ROOT, () => {
  const mounts = decodeMountinfo(readFileSync(`/proc/${box.command.pid}/mountinfo`, 'utf8'))
  const paths = mounts.map(({ mountPoint }) => mountPoint).filter((path) => !path.startsWith('/usr/'))
  assert.deepEqual(paths.toSorted(), ['/', '/mytemp', '/proc', '/usr'])
  assert.equal(readlinkSync(`/proc/${box.command.pid}/cwd`), '/')
})

test('R08: /proc is its own, and the tmpfs named thing is at /mytemp, for nobody else', ROOT, () => {
  const mounts = decodeMountinfo(readFileSync(`/proc/${box.command.pid}/mountinfo`, 'utf8'))
  const at = (path: string) => mounts.find(({ mountPoint }) => mountPoint === path)
  assert.equal(at('/proc')?.type, 'proc')
  assert.deepEqual([at('/mytemp')?.type, at('/mytemp')?.source], ['tmpfs', 'thing'])
  assert(!readFileSync('/proc/self/mountinfo', 'utf8').includes(' thing '))
})

test('R09, D-R04: the command is a child of PID 1, which reaps what others leave', ROOT, async () => {
  assert.equal(named('NSpid', box.init).split('\t').at(-1), '1')
  assert.equal(named('NSpid', box.command.pid).split('\t').at(-1), '2')
  const others = () => descendants(box.init).filter(({ pid }) => pid !== box.command.pid)
  await eventually(
    () => others().length === 0,
    () => `${JSON.stringify(others())} are not reaped`,
  )
})

test("R08, R09: step 5 has them too, and they go with its namespace: the host's are as before", ROOT, async () => {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
  await whileItSleeps(5, ({ command, init }) => {
    assert.match(readFileSync(`/proc/${command.pid}/mountinfo`, 'utf8'), / \/mytemp .* thing /)
    assert.equal(named('NSpid', init).split('\t').at(-1), '1')
    assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), mounts)
  })
})

test("D-R04: the command has no privileges, no network, and nothing of its caller's environment", ROOT, () => {
  const { pid } = box.command
  for (const field of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
    assert.equal(named(field, pid), '0'.repeat(16))
  assert.deepEqual([named('NoNewPrivs', pid), named('Seccomp', pid)], ['1', '2'])
  const ids = [...named('Uid', pid).split('\t'), ...named('Gid', pid).split('\t')].map(Number)
  assert.equal(new Set(ids).size, 1)
  assert(Number(ids[0]) >= 20_000 * 65_536)
  assert.equal(readFileSync(`/proc/${pid}/net/dev`, 'utf8').match(/:/g)?.length, 1)
  const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  assert.deepEqual(new Set(variables.map((each) => each.split('=')[0])), new Set(['PATH', 'PWD', 'TERM', '']))
  const refused = runStep(WHOLE, ['unshare', '--user', 'true'])
  assert.match(refused.stderr, /unshare failed: No space left on device/)
})

test('R11: ps sees only its own processes', ROOT, () => {
  const { stdout } = runStep(WHOLE, ['ps', '-e', '-o', 'pid='])
  assert.deepEqual(stdout.trim().split(/\s+/), ['1', '2'])
})

/** Forks 100 times, whether it may or not, and waits. One refusal is not enough: a host under load refuses some for other reasons. */
const BOMB = `
import os, time
for attempt in range(100):
  try:
    if os.fork() == 0: time.sleep(1000)
  except OSError:
    time.sleep(0.005)
os.execvp("sleep", ["sleep", "1000"])`

const PATIENCE_MS = 30_000

test('R11: a fork bomb stops at 20 processes, and all of them end with the container', ROOT, async () => {
  let all: readonly Seen[] = []
  await whileItSleeps(
    WHOLE,
    async ({ node, init }) => {
      const current = () => readFileSync(`${pidsGroupOf(init, hierarchy)}/pids.current`, 'utf8')
      await eventually(
        () => current() === '20\n',
        () => `20 processes, not ${current()}`,
        PATIENCE_MS,
      )
      all = descendants(node)
      assert(all.length >= 20)
    },
    { words: ['python3', '-c', BOMB] },
  )
  await eventually(
    () => survivors(all).length === 0,
    () => `${JSON.stringify(survivors(all))} are gone`,
    PATIENCE_MS,
  )
})

test('R05, R06, R07, R11: carrel run does the whole of it by one line', BUSYBOX, () => {
  const script =
    'hostname; pwd; only-inside; ls; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 9 & done'
  const options = ['--rootfs', root, '--pids', '20', '--hostname', 'container', '--workdir', '/']
  const done = carrel(['run', ...options, '--', '/bin/sh', '-c', script])
  assert.match(done.stdout, /^container\n\/\ninside\nbin\n/)
  assert.match(done.stderr, /can't fork/)
})
