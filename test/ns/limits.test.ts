import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CARREL } from '../cli/carrel.ts'
import { eventually } from '../support/eventually.ts'
import { descendants } from '../support/proc.ts'
import { hierarchyOf } from '../support/hierarchies.ts'
import { cgroupName, checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { ns, script, written, useRoot } from './ns.ts'

// Limits, in the files of the kernel while the container lives, and in what it can do.

checkMachine()
const needs = requires({ root: true, program: '/bin/busybox', hierarchies: ['memory', 'pids'] })
const { folder, root } = useRoot('ns-limits', needs)

/** A PRE that writes down what files of the group of a controller say. */
function noting(controller: string, files: readonly string[]): string {
  const mount = hierarchyOf(controller)
  return script(
    folder,
    `note-${controller}.sh`,
    `group=$(sed -n 's/^[0-9]*:${controller}://p' /proc/$1/cgroup); echo $group >${folder}/${controller}-group
     cd ${mount}$group; for file in ${files.join(' ')}; do cat $file 2>/dev/null || echo none; done >${folder}/${controller}`,
  )
}

function assertRemoved(controller: string): void {
  const group = written(folder, `${controller}-group`)
  assert.match(group, /\/carrel-ns-\d+\.\d+-\d+-\w+$/)
  assert.ok(existsSync(join(hierarchyOf(controller) ?? '', group, '..')))
  const left = readdirSync('/sys/fs/cgroup').filter((name) => existsSync(join('/sys/fs/cgroup', name, group)))
  assert.deepEqual(left, [])
}

test(
  'N10, D-N03: -m bounds memory without swap, the child is in the group, and the group is gone afterwards',
  needs,
  () => {
    const pre = noting('memory', ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes', 'cgroup.procs'])
    const greedy = 'dd if=/dev/zero of=/dev/null bs=100M count=1; echo "code $?"; cat /proc/self/cgroup'
    const { status, stdout, stderr } = ns(['-m', '32M', pre, root, '/bin/sh', '--', '-c', greedy])
    assert.equal(status, 0, stderr)
    assert.match(stdout, /^code 137$/m, 'the kernel has ended what took too much')
    const [limit, both, member] = written(folder, 'memory').split('\n')
    assert.equal(limit, String(32 * 2 ** 20))
    assert.ok(both === limit || both === 'none', `memory and swap together: ${both}`)
    assert.match(member ?? '', /^\d+$/)
    assert.match(stdout, /:memory:\/$/m, 'its cgroup namespace begins at the group')
    assertRemoved('memory')
  },
)

test('--pids bounds how many processes there are', needs, () => {
  const pre = noting('pids', ['pids.max'])
  const { status, stdout, stderr } = ns([
    '--pids',
    '4',
    pre,
    root,
    '/bin/sh',
    '--',
    '-c',
    'for i in 1 2 3 4 5 6; do sleep 0.2 & done; wait',
  ])
  assert.equal(written(folder, 'pids'), '4')
  assert.match(stderr, /can't fork/, `${status} ${stdout}`)
  assertRemoved('pids')
})

test(
  'N04, N22: the call of the README: 1G of memory, a network, PID 1 and uid 0 of an isolated namespace',
  needs,
  () => {
    const pre = noting('memory', ['memory.limit_in_bytes'])
    const { status, stdout, stderr } = ns([
      '--verbose',
      '--network',
      '--memory=1G',
      pre,
      root,
      '/bin/sh',
      '--',
      '-c',
      'echo $$ $(id -u) $(ls /sys | wc -l); ip -o link | wc -l',
    ])
    assert.equal(status, 0, stderr)
    assert.equal(stdout, '1 0 0\n1\n')
    assert.equal(written(folder, 'memory'), String(2 ** 30))
    assert.match(stderr, /^ns: clone: CLONE_NEWNS CLONE_NEWPID CLONE_NEWUTS CLONE_NEWIPC CLONE_NEWNET$/m)
    assertRemoved('memory')
  },
)

test('D-N10: help tells the default there is, and a negative size is refused', needs, () => {
  assert.match(ns(['--help']).stdout.replace(/\s+/g, ' '), /-m, --memory <size> [^-]* \(default: no limit\)/)
  const { status, stderr } = ns(['--memory=-5', '-', root, '/bin/true'])
  assert.equal(status, 125)
  assert.match(
    stderr,
    /^carrel: memory must be a whole number of bytes, not "-5": write it like 512k, 256M, 1G or 268435456$/m,
  )
})

test(
  'X03: gc removes the group whose carrel and whose agent were killed together, and none of a live one',
  needs,
  async () => {
    const own = join(hierarchyOf('memory') ?? '', groupOf('memory'), cgroupName('ns-gc'))
    mkdirSync(own)
    try {
      // What is made by processes of this group is made below it, and `gc` looks there: tests at the same time have theirs elsewhere.
      const entering = `echo $$ >${own}/cgroup.procs; exec $CARREL "$@"`
      const words = ['ns', '-m', '64M', '-', root, '/bin/sh', '--', '-c', 'echo ready; sleep 1000']
      const env = {
        ...process.env,
        CARREL: `${process.execPath} ${CARREL}`,
        CARREL_RUNTIME_DIR: join(folder, 'records'),
      }
      const gc = (): string => execFileSync('bash', ['-c', entering, 'gc', 'gc'], { env, encoding: 'utf8' })
      const child = spawn('bash', ['-c', entering, 'ns', ...words], { env, stdio: ['ignore', 'pipe', 'inherit'] })
      const ended = once(child, 'exit')
      await once(child.stdout, 'data')
      const [group = ''] = readdirSync(own).filter((name) => name.startsWith('carrel-ns-'))
      assert.equal(gc(), 'Nothing is left of dead owners\n')
      child.kill('SIGSTOP')
      for (const { pid } of descendants(child.pid ?? 0)) killIfThere(pid)
      child.kill('SIGKILL')
      await ended
      assert.equal(existsSync(join(own, group)), true)
      assert.ok(gc().startsWith(`removed container ns-`))
      assert.equal(existsSync(join(own, group)), false)
    } finally {
      await eventually(
        () => readFileSync(join(own, 'cgroup.procs'), 'utf8') === '',
        () => `somebody is in ${own}`,
      )
      rmdirSync(own)
    }
  },
)

/** This process's group in the hierarchy of a controller. */
const groupOf = (controller: string): string =>
  new RegExp(`^\\d+:${controller}:(.*)$`, 'm').exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? ''

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It went with one that was killed before it.
  }
}
