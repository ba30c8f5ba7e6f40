import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { scratch, useOci } from '../support/oci.ts'
import { descendants, namespaceOf } from '../support/proc.ts'
import { REPOSITORY } from '../support/repository.ts'
import { requires } from '../support/requires.ts'
import { NAMESPACES, NsinitDirectory } from './nsinit-directory.ts'

// `carrel nsinit exec`: the same words start a container and join it, and what is in it is the same for both.

const NEEDS = requires({ root: true })
useOci()

/** What a process finds of itself, all of which its configuration says. */
const FOUND = [
  'for ns in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$ns; done',
  'grep -E "^(Cap|NoNewPrivs|Seccomp:|Groups|Uid|Gid)" /proc/self/status',
  'grep "open files" /proc/self/limits; id; umask; pwd; env | grep -vE "^(_|SHLVL|PWD|OLDPWD)="; cat /proc/self/cgroup',
].join('; ')

test('L03, L05, L08, L63, D-L05: who joins is where the first one is, and as it is', NEEDS, async () => {
  const one = new NsinitDirectory({
    user: 'somebody',
    working_dir: '/tmp',
    rlimits: [{ type: 'NOFILE', soft: 77, hard: 99 }],
    cgroups: { memory: 67_108_864 },
  })
  const live = await one.live(`${FOUND}; echo found; read line`)
  const [, first = ''] = await live.shows(/^started\n([^]*)found\n/)
  const joined = one.script(FOUND)
  assert.equal(joined, first)
  // It is the whole of it, and not the same nothing twice.
  assert.match(joined, /Uid:\t1000\b[^]*Seccomp:\t2[^]*Max open files +77 +99[^]*\/tmp\n[^]*COLOUR=blue/)
  assert.ok(joined.includes(`/${one.group}\n`), joined)
  assert.equal(joined.includes(namespaceOf('self', 'net')), false)
})

test('D-L15: of the namespaces nothing but what the container has is entered, and none is made', NEEDS, async () => {
  const { NEWNET: _, ...rest } = NAMESPACES
  const one = new NsinitDirectory({ namespaces: rest })
  const live = await one.live()
  const script = 'for ns in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$ns; done'
  const inside = one.script(script).trim().split('\n')
  const names = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts']
  assert.deepEqual(
    inside,
    names.map((name) => namespaceOf(live.pid, name)),
  )
  assert.equal(inside[3], namespaceOf('self', 'net'))
  // Whoever enters a pid namespace is in it from its birth: as its own processes see it, it has a number there.
  assert.match(one.script('echo $$'), /^[1-9]\d*\n$/)
})

test(
  'L24, D-L12: the exit code is the command’s, 128 more than the signal that ended it, or says that there is none',
  NEEDS,
  async () => {
    const one = new NsinitDirectory()
    const code = (...command: string[]): number | null => one.exec(...command).status
    assert.equal(code('sh', '-c', 'exit 42'), 42)
    assert.equal(code('no-such-program'), 127)
    assert.equal(code('/etc/passwd'), 126)
    const live = await one.live('read line; kill -TERM $$; exit 3')
    assert.equal(code('sh', '-c', 'exit 43'), 43)
    assert.equal(code('sh', '-c', 'kill -USR1 $$'), 128 + 10)
    assert.equal(code('no-such-program'), 127)
    process.kill(live.pid, 'SIGKILL')
    assert.deepEqual(await live.ended, { code: 128 + 9, signal: null })
  },
)

test('L24: every signal of nsinit reaches the command, of the first one and of those that join', NEEDS, async () => {
  const one = new NsinitDirectory()
  const names = ['HUP', 'INT', 'QUIT', 'USR1', 'USR2', 'TERM', 'CONT', 'ALRM', 'WINCH'] as const
  const traps = names.map((name) => `trap 'echo ${name}' ${name}`).join('; ')
  const script = `${traps}; echo ready; while :; do sleep 0.01; done`
  const first = one.start(['sh', '-c', script])
  await first.shows(/ready/)
  const joined = one.start(['sh', '-c', script])
  await joined.shows(/ready/)
  for (const { child, shows } of [first, joined]) {
    for (const name of names) {
      child.kill(`SIG${name}`)
      await shows(new RegExp(`^${name}$`, 'm'))
    }
  }
})

test('L38, L31: what fails in the child is told with its step, and nothing of the container stays', NEEDS, () => {
  const one = new NsinitDirectory({ mounts: [{ type: 'bind', source: '/etc', destination: '/bin/busybox/below' }] })
  const { status, stderr } = one.exec('true')
  assert.equal(status, 125)
  assert.match(stderr, /^carrel: .*ENOTDIR \(step \d+ of \d+, .+\)/)
  assert.deepEqual([one.groups, one.has('pid'), one.has('state.json'), one.stored], [[], false, false, undefined])
})

test('L28: the environment variable log names a file that gets the errors', NEEDS, () => {
  const one = new NsinitDirectory()
  const log = scratch('log')
  const { stderr } = one.nsinit(['exec', 'no-such-program'], { env: { log } })
  assert.match(stderr, /executable file not found/)
  assert.match(readFileSync(log, 'utf8'), /^time="\d{4}-.*" level=error msg=".*executable file not found/)
})

test(
  'L33, L62: the environment is the configuration’s alone; without a terminal the three streams are the caller’s',
  NEEDS,
  () => {
    const one = new NsinitDirectory()
    const { stdout, stderr } = one.nsinit(['exec', 'sh', '-c', 'env | sort; cat; echo problem >&2'], {
      env: { SECRET: 'of the host', LISTEN_FDS: '1' },
      stdin: 'typed\n',
    })
    assert.equal(stdout.replace(/^(PWD|SHLVL|_)=.*\n/gm, ''), 'COLOUR=blue\nHOME=/root\nPATH=/bin\ntyped\n')
    assert.equal(stderr, 'problem\n')
  },
)

test(
  'L35, L37, L41: names, networks, mounts and rights are there before the first instruction of the command',
  NEEDS,
  () => {
    const one = new NsinitDirectory({
      user: 'somebody',
      capabilities: ['NET_BIND_SERVICE', 'CHOWN'],
      ambient_capabilities: ['NET_BIND_SERVICE'],
      networks: [{ type: 'loopback' }],
      mounts: [{ type: 'devtmpfs' }],
    })
    const script = [
      'hostname; cat /sys/class/net/lo/operstate; ping -c 1 -w 1 127.0.0.1 >/dev/null 2>&1',
      'grep -E "^(Cap|Uid)" /proc/self/status; grep " /dev " /proc/self/mountinfo; echo x 2>/dev/null >/proc/sys/kernel/hostname',
      'ls -ld /dev',
    ].join('; ')
    const text = one.script(script)
    assert.match(text, /^nsinit\nunknown\nUid:\t1000\t1000\t1000\t1000\n/)
    // Bit 10 is NET_BIND_SERVICE, 0 CHOWN: kept through the change of user where it is ambient, and else in no set but the bounding one.
    const found = [...text.matchAll(/^Cap(\w+):\t0*(\w+)$/gm)].map(([, name, bits]) => `${name} ${bits}`)
    assert.deepEqual(found, ['Inh 400', 'Prm 400', 'Eff 400', 'Bnd 401', 'Amb 400'], text)
    assert.match(text, / \/dev rw,nosuid,noexec - tmpfs .*mode=755/)
    assert.match(text, /^drwxr-xr-x /m)
  },
)

test('L01: nsinit and what it is made of import no package', () => {
  const folders = ['nsinit', 'oci', 'bundle', 'kernel', 'netlink', 'program', 'protocol', 'linux', 'base']
  const files = folders.flatMap((folder) =>
    readdirSync(join(REPOSITORY, 'src', folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .map((name) => join(REPOSITORY, 'src', folder, name)),
  )
  assert.ok(files.length > 200)
  const imports = /^(?:import|export|\}).*? from '([^'\n]+)'$|^import '([^'\n]+)'$|\bimport\('([^'\n$]+)'\)/gm
  const imported = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(imports)].map(([, name, bare, later]) => name ?? bare ?? later ?? ''),
  )
  assert.deepEqual(
    [...new Set(imported)].filter((name) => !/^(?:\.|node:)/.test(name)),
    [],
  )
})

test('L25, L36, D-L18: process 1 is the command, alone, with three descriptors; there is no init', NEEDS, async () => {
  const one = new NsinitDirectory()
  const live = await one.live('exec sleep 1011')
  // The shell has written before it becomes the command.
  const line = (): string => readFileSync(`/proc/${live.pid}/cmdline`, 'utf8')
  await eventually(() => line() === 'sleep\0' + '1011\0', line)
  assert.equal(readlinkSync(`/proc/${live.pid}/exe`), '/bin/busybox')
  assert.deepEqual(readdirSync(`/proc/${live.pid}/fd`).sort(), ['0', '1', '2'])
  assert.deepEqual(descendants(live.pid), [])
  // Nobody of the container’s user can be traced into: the waiting process is outside of its namespaces.
  assert.equal(
    one
      .script('ls -d /proc/[0-9]*')
      .split('\n')
      .filter((path) => path === '/proc/1').length,
    1,
  )
  const { status, stderr } = one.nsinit(['init', 'anything'])
  assert.equal(status, 125)
  assert.match(stderr, /There is no "init": process 1 of the container is the command itself/)
})

test(
  'L39, L40, L43, L45, L49, L50: mounts are those of the container, in its namespace alone, and go with it',
  NEEDS,
  async () => {
    const one = new NsinitDirectory({ tty: true })
    const before = readFileSync('/proc/self/mountinfo', 'utf8')
    const live = await one.live()
    const table = readFileSync(`/proc/${live.pid}/mountinfo`, 'utf8')
    const at = (point: string): string => new RegExp(`^.* ${point} .*$`, 'm').exec(table)?.[0] ?? ''
    assert.match(at('/proc'), /nosuid,nodev,noexec.* - proc /)
    assert.match(at('/sys'), /^\S+ \S+ \S+ \S+ \S+ ro,nosuid,nodev,noexec.* - sysfs /)
    assert.match(at('/dev'), /nosuid.* - tmpfs .*mode=755/)
    assert.match(at('/dev/shm'), /nosuid,nodev,noexec.* - tmpfs .*size=65536k/)
    assert.match(at('/dev/pts'), /nosuid,noexec.* - devpts .*gid=5,mode=620,ptmxmode=666/)
    assert.match(at('/dev/console'), / - devpts /)
    for (const path of ['/proc/sys', '/proc/sysrq-trigger', '/proc/irq', '/proc/bus'].filter((each) =>
      existsSync(each),
    )) {
      assert.match(at(path), /^\S+ \S+ \S+ \S+ \S+ ro,/, path)
    }
    // "/" is private: no line tells of a peer group (proc_pid_mountinfo(5)).
    assert.equal(/ (shared|master|propagate_from):/.test(table), false, table)
    assert.equal(readlinkSync(`/proc/${live.pid}/root/dev/ptmx`), 'pts/ptmx')
    assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before)
  },
)

test('L13, L47: with no_pivot_root the root is moved instead, and is a slave', NEEDS, async () => {
  const one = new NsinitDirectory({ no_pivot_root: true })
  const live = await one.live()
  const root = / \/ \/ /
  const table = readFileSync(`/proc/${live.pid}/mountinfo`, 'utf8')
  assert.equal(one.script('ls /etc'), 'group\npasswd\n')
  // What was "/" of the host stays below it, out of reach: pivot_root(2) would have taken it away.
  const pivoted = new NsinitDirectory()
  const other = await pivoted.live()
  const lines = (text: string): number => text.split('\n').filter((line) => root.test(line)).length
  assert.ok(lines(table) >= lines(readFileSync(`/proc/${other.pid}/mountinfo`, 'utf8')))
  assert.equal(statSync(`/proc/${live.pid}/root/etc/passwd`).ino, statSync(one.file('etc/passwd')).ino)
})

test('L52, L53: labels of a module that the host has not are refused by name', NEEDS, () => {
  const modules = existsSync('/sys/kernel/security/lsm') ? readFileSync('/sys/kernel/security/lsm', 'utf8') : ''
  const tries: readonly (readonly [string, object])[] = [
    ['apparmor', { context: { apparmor_profile: 'docker-default' } }],
    ['selinux', { context: { process_label: 'system_u:system_r:container_t:s0' } }],
  ]
  for (const [module, changes] of tries) {
    if (modules.includes(module)) continue
    const { status, stderr } = new NsinitDirectory({ ...changes }).exec('true')
    assert.equal(status, 125)
    assert.match(stderr, new RegExp(module, 'i'))
  }
})

test('L10, L27: the built-in functions are listed, and exec is one of them', NEEDS, async () => {
  const one = new NsinitDirectory()
  assert.match(one.nsinit(['exec', '--list']).stdout, /^exec /m)
  const live = await one.live()
  const { stdout } = one.nsinit(['exec', '--func', 'exec', 'readlink', '/proc/self/ns/uts'])
  assert.equal(stdout, `${namespaceOf(live.pid, 'uts')}\n`)
})

test('L56: a parent is a group below the caller’s own unless it is absolute, so that nsinit nests', NEEDS, async () => {
  const one = new NsinitDirectory()
  writeFileSync(one.file('container.json'), JSON.stringify({ ...one.config, cgroups: { name: one.group } }))
  const live = await one.live()
  const own = new Map(groupsOf('self'))
  const joined = groupsOf(live.pid)
  for (const [name, path] of joined) {
    assert.equal(path, join(own.get(name) ?? '/', one.group), name)
  }
})

/** Hierarchy and path. */
const groupsOf = (pid: number | 'self'): readonly (readonly [string, string])[] =>
  readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => [line.split(':')[1] ?? '', line.split(':').slice(2).join(':')] as const)

test('L46, D-L14: what a mount’s target leads to is resolved inside the root, never on the host', NEEDS, () => {
  const outside = scratch('outside')
  mkdirSync(outside)
  const one = new NsinitDirectory({
    mounts: [{ type: 'bind', source: '/etc', destination: '/escape/made' }],
  })
  one.link('escape', outside)
  // The link names a directory of the host; inside the root there is none of that name.
  assert.match(one.exec('true').stderr, /ENOENT .*\/escape\/made/)
  mkdirSync(one.file(outside), { recursive: true })
  assert.equal(one.script(`grep -c "${outside}/made" /proc/self/mountinfo`), '1\n')
  assert.deepEqual(readdirSync(outside), [])
})

test('L11: what turns out while the container is made names the field of container.json too', NEEDS, () => {
  const bind = { type: 'bind', source: '/nowhere', destination: '/mnt' }
  const mounts = new NsinitDirectory({ mount_config: { mounts: [bind] } }).exec('true')
  assert.deepEqual([mounts.status, mounts.stderr.includes('(/mount_config/mounts/0)')], [125, true], mounts.stderr)
  const memory = new NsinitDirectory({ cgroups: { memory: 1000 } }).exec('true')
  assert.match(memory.stderr, /^carrel: \/cgroups\/memory must be a whole number from 4096/)
  const command = new NsinitDirectory().exec('nowhere')
  assert.match(command.stderr, /^carrel: The command cannot be executed: .*not found in \$PATH\n$/)
})
