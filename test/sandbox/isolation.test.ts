import assert from 'node:assert/strict'
import { once } from 'node:events'
import { lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Sandbox, type RunOptions } from '../../src/sandbox/index.ts'
import { compile, openFolder } from './build.ts'

// The law: what runs in a sandbox sees nothing and reaches nothing of the host. Asked from inside, and of the host's own /proc.

const folder = openFolder('isolation')
const EPERM = 1
const EACCES = 13
const [EAFNOSUPPORT, ECONNREFUSED] = [97, 111]

let box: Sandbox
let server: Server
const SOCKET = `carrel-test-${process.pid}`
before(async () => {
  const probe = compile('probe.c', folder)
  server = createServer().listen(`\0${SOCKET}`)
  process.env['CARREL_SECRET'] = 'not for the sandbox'
  // The first sandbox of a process comes about in another way than those after it.
  await (await Sandbox.create()).close()
  box = await Sandbox.create({ hostname: 'room', binds: [`${probe}:/probe:ro`] })
})
after(async () => {
  await box.close()
  server.close()
  rmSync(folder, { recursive: true })
})

async function shell(script: string, options: RunOptions = {}, where = box): Promise<string> {
  const { stdout, stderr, exitCode } = await where.run('sh', ['-c', script], options)
  assert.equal(exitCode, 0, stderr)
  return stdout
}

const lines = (text: string): string[] => text.trim().split('\n')

/** Fields of a /proc/PID/status. */
function statusFields(text: string, names: readonly string[]): Record<string, string> {
  const all = new Map(lines(text).map((line) => line.split(/:\s*/, 2) as [string, string]))
  return Object.fromEntries(names.map((name) => [name, all.get(name) ?? 'missing']))
}

const NO_PRIVILEGE = {
  ...{
    CapInh: '0'.repeat(16),
    CapPrm: '0'.repeat(16),
    CapEff: '0'.repeat(16),
    CapBnd: '0'.repeat(16),
    CapAmb: '0'.repeat(16),
  },
  ...{ NoNewPrivs: '1', Seccomp: '2', Groups: '' },
}

test('X13, X14: a command has no capability in any set, no_new_privs and a filter', async () => {
  assert.deepEqual(statusFields(await shell('cat /proc/self/status'), Object.keys(NO_PRIVILEGE)), NO_PRIVILEGE)
})

test('a command as seen by the host: no privilege, ids of nobody', async () => {
  const command = await box.spawn('sleep', ['60'])
  const pid = hostPidOf('sleep')
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  assert.deepEqual(statusFields(status, Object.keys(NO_PRIVILEGE)), NO_PRIVILEGE)
  const [uid] = statusFields(status, ['Uid'])['Uid']?.split('\t') ?? []
  assert.ok(Number(uid) >= 0x7000_0000, `uid ${uid}`)
  command.kill('SIGKILL')
  await command.wait()
})

/** PID on the host of the only process of the sandbox with this name. */
function hostPidOf(name: string): string {
  const group = (pid: string): string | undefined => tryRead(() => readlinkSync(`/proc/${pid}/ns/pid`))
  const inside = readlinkSync(`/proc/${box.pid}/ns/pid`)
  const found = readdirSync('/proc').filter(
    (pid) =>
      /^\d+$/.test(pid) &&
      group(pid) === inside &&
      tryRead(() => readFileSync(`/proc/${pid}/comm`, 'utf8')) === `${name}\n`,
  )
  assert.equal(found.length, 1, `${name}: ${found.join(' ')}`)
  return found[0] as string
}

function tryRead<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

test('X18: all eight namespaces are the sandbox’s own', async () => {
  const kinds = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts']
  const inside = lines(await shell(`cd /proc/self/ns && for n in ${kinds.join(' ')}; do readlink $n; done`))
  const host = kinds.map((kind) => readlinkSync(`/proc/self/ns/${kind}`))
  assert.deepEqual(
    inside.map((link) => link.split(':')[0]),
    kinds,
  )
  for (const [index, link] of inside.entries()) assert.notEqual(link, host[index], kinds[index])
})

test('only own processes can be seen', async () => {
  const pids = lines(await shell('ls /proc')).filter((name) => /^\d+$/.test(name))
  assert.equal(pids[0], '1')
  assert.ok(pids.length <= 3, pids.join(' '))
  assert.equal((await shell('cat /proc/1/comm')).trim(), 'carrel')
})

test('only lo exists, and it is up', async () => {
  const names = lines(await shell('cat /proc/net/dev'))
    .slice(2)
    .map((line) => line.split(':')[0]?.trim())
  assert.deepEqual(names, ['lo'])
  const script =
    'import socket\ns = socket.create_server(("127.0.0.1", 0)); socket.create_connection(s.getsockname()); print("up")'
  assert.equal((await box.run('/usr/bin/python3', ['-c', script])).stdout, 'up\n')
  assert.match((await shell('cat /proc/net/route')).trim(), /^Iface[^\n]*$/)
})

test('two sandboxes do not share a network, whoever made it', async () => {
  const script =
    'import socket, time\ns = socket.socket(socket.AF_UNIX); s.bind("\\0carrel"); s.listen(); print("bound", flush=True); time.sleep(60)'
  const boxes = await Promise.all([Sandbox.create(), Sandbox.create()])
  for (const each of [box, ...boxes]) {
    const command = await each.spawn('/usr/bin/python3', ['-c', script])
    const [chunk] = (await once(command.stdout ?? assert.fail(), 'data')) as [Uint8Array]
    assert.equal(Buffer.from(chunk).toString(), 'bound\n')
    if (each === box) command.kill('SIGKILL')
  }
  await Promise.all(boxes.map((each) => each.close()))
})

test('R06: the host name is the sandbox’s, also in the files that tell it', async () => {
  assert.deepEqual(lines(await shell('hostname; cat /etc/hostname; cat /proc/sys/kernel/hostname')), [
    'room',
    'room',
    'room',
  ])
  assert.match(await shell('cat /etc/hosts'), /^127\.0\.0\.1\tlocalhost room$/m)
  assert.notEqual(readFileSync('/proc/sys/kernel/hostname', 'utf8'), 'room\n')
})

test('the id maps do not hold the host’s root, and its files belong to nobody', async () => {
  for (const map of ['uid_map', 'gid_map']) {
    const rows = lines(await shell(`cat /proc/self/${map}`)).map((line) => line.trim().split(/\s+/).map(Number))
    assert.ok(rows.length > 0)
    for (const [, outside = 0] of rows) assert.ok(outside >= 0x7000_0000)
  }
  assert.equal((await shell('stat -c %u:%g /usr/bin/env')).trim(), '65534:65534')
})

test('nothing of the host’s environment is there', async () => {
  const names = lines(await shell('env')).map((line) => line.split('=')[0])
  assert.deepEqual(
    names.toSorted((a = '', b = '') => (a < b ? -1 : 1)),
    ['HOME', 'LANG', 'LOGNAME', 'PATH', 'PWD', 'USER', 'container'],
  )
})

/** Devices and own places; a trigger of /proc/pressure belongs to the descriptor that wrote it, proc(5). */
const MAY_BE_WRITTEN = new RegExp(
  '^/(tmp|var/tmp|home/user|dev/shm|dev/(null|zero|full|random|urandom|tty|pts/ptmx)|proc/(interrupts|keys|timer_list|pressure/\\w+))$',
)

test('no file of the host can be written to, by the user or by the sandbox’s root', async () => {
  const find = (tests: string): string =>
    `find / -path '/proc/[0-9]*' -prune -o ! -type l ${tests} -writable -print 2>/dev/null; true`
  const writable = lines(await shell(find('')))
  assert.ok(writable.includes('/tmp'))
  assert.deepEqual(
    writable.filter((path) => !MAY_BE_WRITTEN.test(path)),
    [],
  )
  await using asRoot = await Sandbox.create({ user: 0 })
  // Files in memory are the sandbox's own: the next test looks at those.
  const others = lines(await shell(find('! -fstype tmpfs ! -fstype devpts'), {}, asRoot))
  assert.deepEqual(
    others.filter((path) => !MAY_BE_WRITTEN.test(path)),
    [],
  )
})

test('what one sandbox’s root writes, wherever it can, no other sandbox sees', async () => {
  const boxes = [await Sandbox.create({ user: 0 }), await Sandbox.create({ user: 0 })]
  const script =
    'for d in $(find / -path /proc -prune -o -type d -writable -print 2>/dev/null); do touch $d/written-here && echo $d; done 2>/dev/null; true'
  const made = lines(await shell(script, {}, boxes[0]))
  assert.ok(made.includes('/tmp'))
  await shell('for f in /etc/hosts /etc/passwd; do (echo changed > $f) 2>/dev/null; done; true', {}, boxes[0])
  const later = await Sandbox.create({ user: 0 })
  for (const each of [boxes[1], later]) {
    assert.equal(
      await shell(
        'find / -path /proc -prune -o -name written-here -print 2>/dev/null; grep -l changed /etc/hosts /etc/passwd; true',
        {},
        each,
      ),
      '',
    )
  }
  await Promise.all([...boxes, later].map((each) => each.close()))
})

test('X10, A60: every mount of the host’s is read-only, nosuid and nodev', async () => {
  const mounts = lines(await shell('cat /proc/self/mountinfo')).map((line) => line.split(' '))
  const shown = mounts.filter(([, , , , target = '']) => /^\/(usr|etc)(\/|$)/.test(target))
  assert.ok(shown.length > 1)
  for (const [, , , , target, flags = ''] of shown) {
    assert.deepEqual(
      ['ro', 'nosuid', 'nodev'].filter((flag) => !flags.split(',').includes(flag)),
      [],
      target,
    )
  }
})

test('A59: no mount is shared with the host, and the root is another mount', async () => {
  const inside = await shell('cat /proc/self/mountinfo')
  assert.doesNotMatch(inside, /shared:|master:/)
  const outside = readFileSync(`/proc/${box.pid}/mountinfo`, 'utf8')
  assert.doesNotMatch(outside, /shared:|master:/)
  const rootOf = (text: string): string | undefined => lines(text).find((line) => line.split(' ')[4] === '/')
  assert.notEqual(rootOf(outside)?.split(' ')[2], rootOf(readFileSync('/proc/self/mountinfo', 'utf8'))?.split(' ')[2])
})

test('X08: the old root is gone, and there is no way up', async () => {
  assert.deepEqual(lines(await shell('ls -a / | sort; stat -c %i / /.. /../..')).slice(0, 2), ['.', '..'])
  const [root, up, further] = lines(await shell('stat -c %i / /.. /../..'))
  assert.deepEqual([up, further], [root, root])
  assert.equal(
    tryRead(() => readlinkSync(`/proc/${box.pid}/root`)),
    '/',
  )
})

/** What probe.c tries, and the errno that it must meet. */
const REFUSED: Readonly<Record<string, number>> = {
  ...{ mount: EPERM, bind: EPERM, remount: EPERM, umount2: EPERM, pivot_root: EPERM, chroot: EPERM },
  ...{ 'unshare-user': EPERM, 'unshare-mount': EPERM, 'clone-user': EPERM, setns: EPERM },
  ...{ keyctl: EPERM, add_key: EPERM, bpf: EPERM, io_uring_setup: EPERM, perf_event_open: EPERM, userfaultfd: EPERM },
  ...{ open_by_handle_at: EPERM, sethostname: EPERM, mknod: EPERM, 'packet-socket': EAFNOSUPPORT, 'raw-socket': EPERM },
  ...{
    'create-file': 0,
    'setuid-bit': EPERM,
    'setgid-bit': EPERM,
    'chown-root': EPERM,
    'setuid-root': EPERM,
    setgroups: EPERM,
  },
  ...{
    'ptrace-init': EPERM,
    'ptrace-seize-init': EPERM,
    'kill-init': EPERM,
    'signal-init': EPERM,
    'read-init-memory': EPERM,
  },
  ...{
    'init-fd': EACCES,
    'init-root': EACCES,
    'init-cwd': EACCES,
    'init-exe': EACCES,
    'init-environ': EACCES,
    'init-mem': EACCES,
  },
  ...{ 'init-map_files': EACCES, 'init-ns': EACCES, 'init-setgroups': EACCES },
  ...{ TIOCSTI: EPERM, TIOCLINUX: EPERM, 'abstract-socket': ECONNREFUSED },
}

const parseProbe = (text: string): Record<string, number> =>
  Object.fromEntries(
    lines(text)
      .map((line) => line.split(' '))
      .map(([name = '', errno]) => [name, Number(errno)] as const),
  )

test('X14, X16, X17: every call that reaches beyond the sandbox or its first process is refused', async () => {
  assert.deepEqual(parseProbe(await shell(`/probe ${SOCKET}`)), REFUSED)
})

/** What only the filter refuses: file modes are no one else's matter, and a user namespace of its own may have mounts of its own. */
const FILTER_ONLY = new Set([
  'unshare-mount',
  'unshare-user',
  'clone-user',
  'keyctl',
  'add_key',
  'io_uring_setup',
  'userfaultfd',
  'setuid-bit',
  'setgid-bit',
])

test('without the filter, namespaces, capabilities and the first process’s own defence still refuse', async () => {
  await using open = await Sandbox.create({ seccomp: 'unconfined', binds: [`${join(folder, 'probe')}:/probe:ro`] })
  const results = parseProbe(await shell(`/probe ${SOCKET}`, {}, open))
  const passed = Object.keys(results).filter(
    (name) => results[name] === 0 && name !== 'create-file' && !FILTER_ONLY.has(name),
  )
  assert.deepEqual(passed, [])
})

test('X16: paths of /proc that tell about the host are covered by the null device or by nothing', async () => {
  for (const path of ['interrupts', 'kcore', 'keys', 'timer_list', 'sched_debug'].filter((name) =>
    tryRead(() => lstatSync(`/proc/${name}`)),
  )) {
    assert.equal(
      (await shell(`stat -c '%F %t:%T' /proc/${path}; cat /proc/${path}`)).trim(),
      'character special file 1:3',
      path,
    )
  }
  if (tryRead(() => lstatSync('/proc/acpi'))) assert.equal(await shell('ls -A /proc/acpi'), '')
})

test('X16, D-L06: paths of /proc that change the kernel are read-only', async () => {
  const script =
    'for f in sys/vm/drop_caches sys/kernel/core_pattern irq/default_smp_affinity; do (: > /proc/$f) 2>&1; done; true'
  const said = lines(await shell(script, {}, box))
  assert.equal(said.length, 3)
  for (const line of said) assert.match(line, /Read-only file system|Permission denied/)
  await using asRoot = await Sandbox.create({
    user: 0,
    capabilities: ['CAP_SYS_ADMIN', 'CAP_DAC_OVERRIDE', 'CAP_NET_ADMIN'],
  })
  for (const line of lines(await shell(script, {}, asRoot))) assert.match(line, /Read-only file system/)
})

test('X11, D-L18: no descriptor of the host’s reaches a command', async () => {
  const links = lines(await shell('ls -l /proc/self/fd')).flatMap(
    (line) => /(\d+) -> (.*)$/.exec(line)?.slice(1).join(' ') ?? [],
  )
  const open = links.filter((link) => !/^\d+ \/proc\/\d+\/fd$/.test(link)).map((link) => link.replace(/\[\d+\]/, '[]'))
  assert.deepEqual(open, ['0 /dev/null', '1 pipe:[]', '2 pipe:[]'])
})

test('the working directory lies inside the root', async () => {
  assert.equal(await shell('pwd -P; ls -a'), '/home/user\n.\n..\n')
  assert.equal((await shell('readlink /proc/self/cwd')).trim(), '/home/user')
})

test('a command cannot see the host’s cgroups, only its own as the root', async () => {
  const paths = lines(await shell('cat /proc/self/cgroup')).map((line) => line.split(':')[2])
  assert.deepEqual(new Set(paths), new Set(['/']))
})

test('X12: the first process runs from no file of the host', () => {
  assert.match(readlinkSync(`/proc/${box.pid}/exe`), /^\/memfd:/)
})
