import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { CARREL, carrel, start } from '../cli/carrel.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { inside, ns, script, statusOf, written, useRoot } from './ns.ts'

// What INIT finds around it: its namespaces, its root, what it may not do, and what becomes of its exit code and its signals.

checkMachine()
const needs = requires({ root: true, program: '/bin/busybox' })
const { folder, root } = useRoot('ns', needs)

const KINDS = ['mnt', 'pid', 'uts', 'ipc', 'cgroup', 'net', 'user', 'time'] as const
const links = `for kind in ${KINDS.join(' ')}; do readlink /proc/self/ns/$kind; done`
const hosts = (kind: string): string => readlinkSync(`/proc/self/ns/${kind}`)

test(
  'N01, N02, N12, D-N06: INIT is PID 1 and uid 0 of namespaces of its own, under its own name; the network and ids are the host’s',
  needs,
  () => {
    const own = inside(root, `echo $$ $(id -u) $(hostname); cat /proc/1/comm; ${links}`).split('\n')
    assert.deepEqual(own.slice(0, 2), ['1 0 root', 'sh'])
    const differs = KINDS.filter((kind, index) => own[index + 2] !== hosts(kind))
    assert.deepEqual(differs, ['mnt', 'pid', 'uts', 'ipc', 'cgroup'])
    assert.notEqual(hostname(), 'root')
  },
)

test('N02, N03, D-N06: -n makes a network, with lo up; --ipc host and --hostname do what they say', needs, () => {
  const words = ['--network', '--ipc', 'host', '--hostname', 'box-1']
  const own = inside(root, `hostname; ip -o link; ${links}`, words).split('\n')
  assert.equal(own[0], 'box-1')
  assert.match(own[1] ?? '', /^1: lo: <LOOPBACK,UP,LOWER_UP>/)
  const differs = KINDS.filter((kind, index) => own[index + 2] !== hosts(kind))
  assert.deepEqual(differs, ['mnt', 'pid', 'uts', 'cgroup', 'net'])
})

test(
  'N12, D-N07: / is private, proc is nosuid,nodev,noexec, nothing of the host is mounted, and masked paths of /proc say nothing',
  needs,
  () => {
    const tests = ['cat /proc/timer_list /proc/keys | wc -c', 'echo 1 >/proc/sys/kernel/panic || echo refused', 'umask']
    const look = `cat /proc/self/mountinfo; echo; { ${tests.join('; ')}; } 2>/dev/null`
    const words = [process.execPath, CARREL, 'ns', '-', root, '/bin/sh', '--', '-c', look]
    const { stdout: output } = spawnSync('unshare', ['-m', '--propagation', 'shared', ...words], { encoding: 'utf8' })
    const [mounts = '', rest = ''] = output.split('\n\n')
    const points = mounts.split('\n').map((line) => line.split(' '))
    assert.ok(
      points.every((fields) => fields[4] === '/' || fields[4]?.startsWith('/proc')),
      mounts,
    )
    assert.ok(
      points.every((fields) => fields[6] === '-'),
      `none is shared or a slave: ${mounts}`,
    )
    const proc = points.find((fields) => fields[4] === '/proc')
    for (const option of ['nosuid', 'nodev', 'noexec']) assert.ok(proc?.[5]?.split(',').includes(option), mounts)
    assert.equal(rest, '0\nrefused\n0022\n')
  },
)

test('D-N07: few capabilities, no_new_privs and a seccomp filter, unless asked otherwise', needs, () => {
  const look = 'cat /proc/self/status'
  const usual = statusOf(inside(root, look))
  assert.deepEqual(
    [usual['CapInh'], usual['CapPrm'], usual['CapEff'], usual['CapBnd'], usual['CapAmb']],
    ['0000000000000000', '00000000a00405fb', '00000000a00405fb', '00000000a00405fb', '0000000000000000'],
  )
  assert.deepEqual([usual['NoNewPrivs'], usual['Seccomp']], ['1', '2'])
  const network = statusOf(inside(root, look, ['-n', '--new-privileges']))
  assert.equal(network['CapEff'], '00000000a00435fb', 'NET_ADMIN and NET_RAW of the network that is its own')
  assert.deepEqual([network['NoNewPrivs'], network['Seccomp']], ['0', '2'])
  const all = inside(root, `${look}; wc -c </proc/timer_list`, ['--cap', 'all', '--seccomp', 'unconfined', '--no-mask'])
  assert.equal(statusOf(all)['CapEff'], statusOf(readFileSync('/proc/self/status', 'utf8'))['CapEff'])
  assert.equal(statusOf(all)['Seccomp'], '0')
  assert.ok(Number(all.trimEnd().split('\n').at(-1)) > 0, '/proc/timer_list is the kernel’s again')
})

test('N08, N12, D-N04, D-N13: INIT gets PATH, its arguments as they are, three descriptors and no more', needs, () => {
  const args = ['a b', '--', '-n', '']
  const path = script(
    join(root, 'bin'),
    'words.sh',
    'for word; do echo "<$word>"; done; env -u SHLVL -u PWD; ls /proc/self/fd; pwd',
  )
  const { stdout, status } = ns(['--env', 'DEBUG=1', '-', root, '/bin/words.sh', '--', ...args])
  assert.equal(path, join(root, 'bin/words.sh'))
  assert.equal(status, 0)
  // Descriptor 3 is the directory that ls reads.
  const lines = [
    '<a b>',
    '<-->',
    '<-n>',
    '<>',
    'DEBUG=1',
    'PATH=/sbin:/bin:/usr/sbin:/usr/bin',
    '0',
    '1',
    '2',
    '3',
    '/',
  ]
  assert.deepEqual(stdout.trimEnd().split('\n').sort(), lines.sort())
})

test('D-N04: a directory as a stream, by which INIT would get out of its root, is refused by name', needs, () => {
  const host = openSync('/', 'r')
  try {
    for (const [stdio, name] of [
      [[host, 'pipe', 'pipe'], 'stdin'],
      [['pipe', host, 'pipe'], 'stdout'],
    ] as const) {
      for (const words of [
        ['ns', '-', root, '/bin/true'],
        ['run', '--', 'true'],
      ]) {
        const { status, stderr } = carrel(words, { stdio: [...stdio] })
        assert.equal(status, 125, words.join(' '))
        assert.match(stderr, new RegExp(`^carrel: ${name} is a directory.*redirect it to a file or to /dev/null$`, 'm'))
      }
    }
  } finally {
    closeSync(host)
  }
})

test('N07, D-N09: INIT is looked for inside ROOT, links in it lead nowhere else', needs, () => {
  symlinkSync('/bin/busybox', join(root, 'bin/linked'))
  mkdirSync(join(root, 'opt'))
  symlinkSync('../../../../../bin', join(root, 'opt/bin'))
  symlinkSync('/etc/hostname', join(root, 'opt/hosts-own'))
  // busybox looks at the name that it is called by.
  assert.match(ns(['-', root, '/bin/linked']).stderr, /^linked: applet not found/)
  assert.equal(ns(['-', root, '/opt/bin/true']).status, 0)
  const escaped = ns(['-', root, '/opt/hosts-own'])
  assert.equal(escaped.status, 125)
  assert.match(escaped.stderr, /^carrel: INIT \/opt\/hosts-own in .* does not exist$/m)
})

test('D-N13: a root that may not be written to is no obstacle, and nothing is left in it', needs, () => {
  const look = 'ls -A /tmp; touch /x || echo read-only'
  const command = `mount --bind ${root} ${root} && mount -o remount,bind,ro ${root} && exec "$@"`
  const words = [process.execPath, CARREL, 'ns', '-', root, '/bin/sh', '--', '-c', look]
  const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', command, 'sh', ...words], { encoding: 'utf8' })
  assert.equal(stdout, 'read-only\n', stderr)
})

test('D-N08, N16: the exit code is INIT’s, or 128 and the number of its signal, which is said', needs, () => {
  assert.equal(ns(['-', root, '/bin/sh', '--', '-c', 'exit 42']).status, 42)
  const pre = script(folder, 'kill.sh', `(sleep 0.3; kill -KILL "$1") & :`)
  const { status, stderr } = ns([pre, root, '/bin/sleep', '--', '20'])
  assert.equal(status, 137)
  assert.match(stderr, /^carrel: \/bin\/sleep was ended by SIGKILL$/m)
  const unfit = ns(['-', root, '/init.sh', '--', '/no/such/program'])
  assert.equal(unfit.status, 127)
})

test('D-N08: signals reach INIT, each once', needs, async () => {
  const signals = ['INT', 'TERM', 'HUP', 'QUIT', 'USR1', 'USR2', 'WINCH']
  const traps = signals.map((name) => `trap 'echo ${name}' ${name}`).join('; ')
  const child = start(['ns', '-', root, '/bin/sh', '--', '-c', `${traps}; echo ready; while sleep 0.02; do :; done`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => (output += String(chunk)))
  const shows = (line: string): Promise<unknown> =>
    eventually(
      () => output.split('\n').includes(line),
      () => output,
    )
  const ended = once(child, 'exit')
  try {
    await shows('ready')
    for (const name of signals) {
      child.kill(`SIG${name}` as NodeJS.Signals)
      await shows(name)
    }
    assert.equal(output, `${['ready', ...signals].join('\n')}\n`)
  } finally {
    child.kill('SIGKILL')
    await ended
  }
})

test('N03: -v tells the steps in their order, -vv the system calls with their reasons', needs, () => {
  const quiet = ns(['-', root, '/bin/true'])
  assert.equal(quiet.stderr, '')
  const calls = ns(['--explain', '-u', '-m', '64M', '/bin/true', root, '/bin/true', '0', '0']).stderr
  for (const call of ['"/proc/', 'pivot_root(".", ".")', 'move_mount(', 'execve("/bin/true"']) {
    assert.ok(calls.includes(call), `${call} is not in ${calls}`)
  }
  const steps = calls.split('\n').filter((line) => line.startsWith('ns: '))
  assert.deepEqual(
    steps.map((line) => line.slice(4).split(/[: ]/)[0]),
    ['clone', 'the', 'ids', 'limits', 'pre', 'release', 'exec', 'init'],
  )
})

test('N01: an option behind INIT is refused, with the place where options stand', needs, () => {
  const { status, stderr } = ns(['-', root, '/bin/true', '-n'])
  assert.equal(status, 125)
  assert.match(stderr, /^carrel: -n stands after INIT: options come before PRE, arguments of INIT after --$/m)
})

test(
  'N14: an INIT that the kernel cannot execute ends with 126, its lost interpreter with 127, and both are explained',
  needs,
  () => {
    for (const [name, content, code] of [
      ['no-line', 'echo hello', 126],
      ['no-shell', '#!/no/such/shell', 127],
    ] as const) {
      writeFileSync(join(root, name), content, { mode: 0o755 })
      const { status, stderr } = ns(['-', root, `/${name}`])
      assert.equal(status, code)
      assert.match(stderr, /It needs its interpreter or loader in ROOT, and a script a #! line$/m)
    }
  },
)

test('SIGKILL of carrel leaves neither INIT nor what it has started', needs, async () => {
  const pre = script(folder, 'note.sh', `echo "$1" >${folder}/pid`)
  const child = start(['ns', pre, root, '/bin/sh', '--', '-c', 'sleep 100 & echo ready; wait'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  await once(child.stdout as NodeJS.EventEmitter, 'data')
  child.kill('SIGKILL')
  await ended
  await text(child.stdout as NodeJS.ReadableStream)
  await eventually(
    () => !isThere(`/proc/${written(folder, 'pid')}/status`),
    () => 'INIT lives on',
  )
})

function isThere(path: string): boolean {
  try {
    return readFileSync(path, 'utf8') !== ''
  } catch {
    return false
  }
}
