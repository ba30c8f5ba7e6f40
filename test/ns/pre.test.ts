import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { start } from '../cli/carrel.ts'
import { inspectPre, inspectRoot } from '../../src/ns/inspect-root.ts'
import { Agent } from '../../src/process/agent.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { ns, script, written, useRoot } from './ns.ts'

// PRE: what it finds, in which order things happen, and that nothing is left when it fails.

checkMachine()
const needs = requires({ root: true, program: '/bin/busybox', hierarchies: ['memory'] })
const { folder, root } = useRoot('ns-pre', needs)

const environment = (name: string): string[] =>
  written(folder, name)
    .split('\0')
    .filter((line) => line !== '' && !/^(?:PWD|SHLVL|OLDPWD|_)=/.test(line))
    .sort()

test(
  'N06, N08, N09, D-N01, D-N02, D-N04: PRE runs on the host in /tmp, with the PID of INIT, both names of the variables and no descriptor of ours',
  needs,
  () => {
    const pre = script(
      folder,
      'look.sh',
      `cat /proc/self/environ >${folder}/environ; ls /proc/$$/fd >${folder}/fds; pwd >${folder}/cwd
     readlink /proc/$$/ns/mnt /proc/$$/fd/0 >${folder}/links; echo "$#" "$1" >${folder}/args; echo from pre`,
    )
    const { status, stdout, stderr } = ns([
      '-n',
      '-u',
      pre,
      root,
      '/bin/sh',
      '7',
      '8',
      '--',
      '-c',
      'cat /proc/1/environ | tr "\\0" "\\n"',
    ])
    assert.equal(status, 0, stderr)
    const names = [
      'CLONE_NETNS=1',
      'CLONE_NEWNET=1',
      'CLONE_NEWUSER=1',
      'CLONE_USERNS=1',
      'PATH=/sbin:/bin:/usr/sbin:/usr/bin',
    ]
    assert.deepEqual(environment('environ'), names)
    const [first, ...own] = stdout.trimEnd().split('\n')
    assert.equal(first, 'from pre')
    assert.deepEqual(own.filter((line) => !/^(?:PWD|SHLVL|OLDPWD)=/.test(line)).sort(), names)
    // Descriptor 10 or 255 is the shell's own, of the script that it reads.
    assert.deepEqual(
      written(folder, 'fds')
        .split('\n')
        .filter((fd) => Number(fd) < 10),
      ['0', '1', '2'],
    )
    assert.equal(written(folder, 'cwd'), '/tmp')
    const hosts = readlinkSync('/proc/self/ns/mnt')
    assert.deepEqual(written(folder, 'links').split('\n'), [hosts, '/dev/null'])
    assert.match(written(folder, 'args'), /^1 \d+$/)
  },
)

test('N11, N10: while PRE runs the child waits, its ids mapped and its memory limited; INIT comes after', needs, () => {
  const pre = script(
    folder,
    'order.sh',
    `cat /proc/$1/comm /proc/$1/uid_map >${folder}/child; grep NSpid /proc/$1/status >>${folder}/child
     readlink /proc/$1/cwd /proc/$1/root >${folder}/places
     group=$(sed -n 's/^[0-9]*:memory://p' /proc/$1/cgroup); echo "$1 $group" >${folder}/group
     echo pre; sleep 0.2; echo pre is over`,
  )
  const { status, stdout, stderr } = ns(['-u', '-m', '64M', pre, root, '/bin/echo', '7', '8', '--', 'init'])
  assert.equal(status, 0, stderr)
  assert.equal(stdout, 'pre\npre is over\ninit\n')
  const [name, map, pids] = written(folder, 'child').split('\n')
  assert.match(name ?? '', /carrel/, 'an agent that waits, not INIT')
  assert.deepEqual(map?.trim().split(/\s+/), ['0', '7', '1'])
  assert.match(pids ?? '', /^NSpid:\s+\d+\s+1$/)
  assert.deepEqual(written(folder, 'places').split('\n'), [root, '/'])
  const [pid = '', group = ''] = written(folder, 'group').split(' ')
  assert.ok(group.includes(`/carrel-ns-${pid}.`), `named after the child: ${group}`)
})

test('N06, D-N02, D-N03: a PRE that fails gives its code, INIT never runs, and nothing stays', needs, () => {
  const pre = script(
    folder,
    'fail.sh',
    `echo $1 >${folder}/failed; sed -n 's/^[0-9]*:memory://p' /proc/$1/cgroup >${folder}/its-group; sleep 60 & exit 3`,
  )
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
  const { status, stdout, stderr } = ns(['-n', '-m', '64M', pre, root, '/bin/echo', '--', 'init'])
  assert.equal(status, 3)
  assert.equal(stdout, '')
  assert.match(stderr, /^carrel: .*\/fail\.sh exited with 3, so INIT was not run: PRE must exit 0$/m)
  assertGone(written(folder, 'failed'), written(folder, 'its-group'))
  assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), mounts)
})

test('what a PRE that succeeds leaves running ends with the container', needs, () => {
  const pre = script(folder, 'helper.sh', `setsid sleep 61 >/dev/null 2>&1 & echo $! >${folder}/helper`)
  assert.equal(ns([pre, root, '/bin/true']).status, 0)
  assert.equal(existsSync(`/proc/${written(folder, 'helper')}`), false)
})

test(
  'D-N02, D-N08: a signal that comes while PRE runs undoes everything, even when PRE makes light of it',
  needs,
  async () => {
    const pre = script(
      folder,
      'slow.sh',
      `echo $1 >${folder}/slow; sed -n 's/^[0-9]*:memory://p' /proc/$1/cgroup >${folder}/slow-group; echo pre; trap "exit 0" TERM; while :; do sleep 0.05; done`,
    )
    const child = start(['ns', '-m', '64M', pre, root, '/bin/echo', '--', 'init'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => (output += String(chunk)))
    await eventually(
      () => output === 'pre\n',
      () => output,
    )
    child.kill('SIGTERM')
    const [code] = (await once(child, 'close')) as [number]
    assert.equal(code, 143)
    assert.equal(output, 'pre\n')
    assertGone(written(folder, 'slow'), written(folder, 'slow-group'))
  },
)

test(
  'N14: programs must be regular files that their owner may execute, ROOT a directory; what is wrong is named',
  needs,
  async () => {
    const plain = join(folder, 'plain')
    writeFileSync(plain, '#!/bin/sh\n')
    chmodSync(plain, 0o644)
    writeFileSync(join(root, 'plain'), '')
    const bare = join(folder, 'bare')
    mkdirSync(bare)
    assert.throws(() => inspectPre(plain), /PRE .*plain may not be executed by its owner: chmod u\+x it/)
    assert.throws(() => inspectPre(folder), /PRE .* is no regular file/)
    assert.throws(() => inspectPre('/no/such'), /PRE \/no\/such does not exist on the host/)
    await using agent = await Agent.start()
    const rows: [string, string, RegExp][] = [
      [plain, '/bin/true', /ROOT .*plain leads through something that is no directory, or is none/],
      [root, '/plain', /INIT \/plain in .* may not be executed by its owner/],
      [root, '/bin', /INIT \/bin in .* is no regular file/],
      [bare, '/bin/true', /INIT \/bin\/true in .*bare does not exist/],
    ]
    for (const [directory, init, message] of rows) {
      await assert.rejects(inspectRoot(agent, { root: directory, init }), message)
    }
    const { status, stderr } = ns(['-', root, '/bin/true', '1', '2', '3'])
    assert.equal(status, 125)
    assert.match(stderr, /"3" is one word too many: arguments of INIT follow after --/)
  },
)

function assertGone(pid: string, group: string): void {
  assert.match(pid, /^\d+$/)
  assert.equal(existsSync(`/proc/${pid}`), false, `process ${pid} is still there`)
  assert.match(group, /carrel-ns-\d+\.\d+-\d+-\w+$/)
  const left = readdirSync('/sys/fs/cgroup').filter((name) => existsSync(join('/sys/fs/cgroup', name, group)))
  assert.deepEqual(left, [])
}
