import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { startScript } from '../support/node-script.ts'
import { descendants, descriptorsOf, namespaceOf, statusField } from '../support/proc.ts'
import { REPOSITORY } from '../support/repository.ts'
import { requires } from '../support/requires.ts'

checkMachine()

const NEEDS = requires({ root: true, program: '/bin/busybox' })
const CHROOT = 'examples/10-chroot-with-limits.ts'
const NAMESPACES = 'examples/11-namespaces.ts'

/** Has an example run `sleep`, shows its process to `look`, and ends it as nobody planned. */
async function whileItSleeps(file: string, look: (pid: number, script: number) => void): Promise<string> {
  const script = startScript(file, { args: ['sleep', '1000'] })
  const node = script.child.pid as number
  try {
    const sleeper = await eventually(
      () => descendants(node).find(({ name }) => name === 'busybox'),
      () => 'the example runs busybox',
      20_000,
    )
    look(sleeper.pid, node)
    process.kill(sleeper.pid, 'SIGKILL')
    const { code, stdout, stderr } = await script.ended
    assert.equal(code, 0, stderr)
    return stdout + stderr
  } finally {
    script.child.kill('SIGKILL')
  }
}

function limitsOf(pid: number): Record<string, readonly string[]> {
  const lines = readFileSync(`/proc/${pid}/limits`, 'utf8').split('\n')
  return Object.fromEntries(lines.map((line) => [line.slice(0, 26).trim(), line.slice(26).trim().split(/\s+/, 2)]))
}

function assertConfined(pid: number): void {
  assert.deepEqual(readdirSync(`/proc/${pid}/root/`), ['busybox'])
  assert.equal(readlinkSync(`/proc/${pid}/cwd`), readlinkSync(`/proc/${pid}/root`))
  for (const field of ['Uid', 'Gid']) {
    const ids = statusField(pid, field).split('\t').map(Number)
    assert.deepEqual(
      ids,
      Array.from({ length: 4 }, () => ids[0]),
    )
    assert.ok(Number(ids[0]) >= 0xf000_0000 && Number(ids[0]) < 0xf001_0000, String(ids))
  }
  assert.equal(statusField(pid, 'Groups'), '')
  assert.equal(statusField(pid, 'CapEff'), '0000000000000000')
  const limits = limitsOf(pid)
  assert.deepEqual(limits['Max file size'], ['0', '0'])
  assert.deepEqual(limits['Max processes'], ['1', '1'])
  const [soft, hard] = limits['Max open files'] ?? []
  assert.equal(soft, hard)
  assert.deepEqual([...descriptorsOf(pid).keys()], [0, 1, 2])
}

test(
  'E01: the shell stands in a directory with busybox alone, as a user of its own, with limits that it cannot lift',
  NEEDS,
  async () => {
    const said = await whileItSleeps(CHROOT, (pid) => {
      assertConfined(pid)
      const [soft, hard] = limitsOf(pid)['Max open files'] ?? []
      assert.equal(soft, hard)
      for (const kind of ['mnt', 'pid', 'net']) assert.equal(namespaceOf(pid, kind), namespaceOf('self', kind))
    })
    assert.match(said, /ended by SIGKILL/)
  },
)

test('E01: the shell cannot make a file, write to one that it is handed, or fork', NEEDS, () => {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-test-'))
  const file = join(folder, 'output')
  const output = openSync(file, 'w')
  try {
    const shell = (script: string, stdout: 'pipe' | number) =>
      spawnSync(process.execPath, ['--import', 'tsx', CHROOT, 'sh', '-c', script], {
        cwd: REPOSITORY,
        stdio: ['ignore', stdout, 'pipe'],
        encoding: 'utf8',
      })
    const made = shell('echo > /file', 'pipe')
    assert.match(made.stderr, /can't create \/file: Permission denied/)
    const forked = shell('busybox id; exit 3', 'pipe')
    assert.match(forked.stderr, /can't fork: Resource temporarily unavailable/)
    const written = shell('echo a line', output)
    assert.match(written.stderr, /ended by SIGXFSZ/)
    assert.equal(statSync(file).size, 0)
    assert.equal(shell('echo a line', 'pipe').stdout, 'a line\n')
  } finally {
    closeSync(output)
    rmSync(folder, { recursive: true })
  }
})

test('E02: the same in five new namespaces and in a group of its own, which is gone afterwards', NEEDS, async () => {
  let group = ''
  await whileItSleeps(NAMESPACES, (pid, script) => {
    assertConfined(pid)
    for (const kind of ['ipc', 'net', 'mnt', 'pid', 'uts'])
      assert.notEqual(namespaceOf(pid, kind), namespaceOf('self', kind), kind)
    assert.equal(namespaceOf(pid, 'user'), namespaceOf('self', 'user'))
    assert.equal(statusField(pid, 'NSpid').split('\t').at(-1), '1')
    const uts = spawnSync('nsenter', ['--target', String(pid), '--uts', 'hostname'], { encoding: 'utf8' })
    assert.equal(uts.stdout.trim(), 'carrel')
    group = `carrel-example-${script}`
    assert.match(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), new RegExp(`/${group}$`, 'm'))
    assert.deepEqual(groupsNamed(group).length, 1)
  })
  assert.deepEqual(groupsNamed(group), [])
})

const groupsNamed = (name: string): readonly string[] =>
  ['/sys/fs/cgroup', '/sys/fs/cgroup/pids'].flatMap((path) => readdirSync(path)).filter((each) => each === name)

test('E02: without cgroups it refuses, says what is missing, and has made nothing', NEEDS, () => {
  const command = `mount -t tmpfs none /sys/fs/cgroup && exec "$0" --import tsx ${NAMESPACES}`
  const { status, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', command, process.execPath], {
    cwd: REPOSITORY,
    encoding: 'utf8',
  })
  assert.equal(status, 1)
  assert.match(stderr, /UnsupportedError: This host has no cgroups: mount cgroup2/)
  assert.deepEqual(
    readdirSync(tmpdir()).filter((name) => name.startsWith('carrel-namespaces-')),
    [],
  )
})
