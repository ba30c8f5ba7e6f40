import assert from 'node:assert/strict'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { InvalidInputError, Sandbox, type RunOptions, type SandboxOptions } from '../../src/sandbox/index.ts'
import { openFolder } from './build.ts'

// What each option changes inside, as the kernel and usual programs tell it.

const folder = openFolder('options')
after(() => rmSync(folder, { recursive: true }))

/** Output of a script in a sandbox with these options. */
async function inside(options: SandboxOptions, script: string, how: RunOptions = {}): Promise<string> {
  await using box = await Sandbox.create(options)
  const { stdout, stderr, exitCode } = await box.run('sh', ['-c', script], how)
  assert.equal(exitCode, 0, stderr)
  return stdout.trim()
}

/** A folder to bind, with one file, owned by an id that is nobody's. */
function source(name: string, owner = 4321): string {
  const path = join(folder, name)
  mkdirSync(path)
  writeFileSync(join(path, 'old'), 'old\n')
  chownSync(path, owner, owner)
  chownSync(join(path, 'old'), owner, owner)
  return path
}

test('A62, D-A24: env is over the defaults, the command’s over the sandbox’s, each name once', async () => {
  const options = { env: { ONE: '1', LANG: 'C', TWO: '2' } }
  const text = await inside(options, 'env', { env: { TWO: 'two', EMPTY: '' } })
  const lines = text.split('\n')
  for (const line of ['ONE=1', 'LANG=C', 'TWO=two', 'EMPTY='])
    assert.equal(lines.filter((each) => each === line).length, 1, line)
  const names = lines.map((line) => line.split('=')[0])
  assert.equal(new Set(names).size, names.length)
  assert.equal(await inside(options, 'python3 -c "import os; print(os.environ[\'LANG\'])"'), 'C')
})

test('workdir and cwd say where a command starts, as its user', async () => {
  assert.equal(await inside({ workdir: '/tmp' }, 'pwd'), '/tmp')
  assert.equal(await inside({ workdir: '/tmp' }, 'pwd', { cwd: '/usr' }), '/usr')
  await using box = await Sandbox.create()
  await assert.rejects(box.run('true', [], { cwd: '/missing' }), {
    name: 'SyscallError',
    call: 'chdir',
    errno: 'ENOENT',
  })
})

test('A63: user is who the command is, with a line in passwd and group, and without groups', async () => {
  assert.equal(
    await inside({ user: '1234:99' }, 'id; whoami; echo ~'),
    'uid=1234(user) gid=99(user) groups=99(user)\nuser\n/home/user',
  )
  assert.equal(await inside({ user: 0 }, 'id; stat -c %U /etc/passwd'), 'uid=0(root) gid=0(root) groups=0(root)\nroot')
  assert.equal(await inside({ user: { uid: 5 } }, 'id -u; id -g; touch ~/f && stat -c %u:%g ~/f'), '5\n5\n5:5')
})

test('A63: files of /etc are generated, can be replaced and added', async () => {
  const etc = { passwd: 'me:x:1000:1000::/tmp:/bin/sh\n', 'my.conf': 'x=1\n', bytes: Uint8Array.of(1, 2) }
  assert.equal(
    await inside({ etc }, 'whoami; cat /etc/my.conf; wc -c < /etc/bytes; getent group user'),
    'me\nx=1\n2\nuser:x:1000:',
  )
})

test('A64: the sandbox’s /etc can be written by its root alone, and never the host’s', async () => {
  await using box = await Sandbox.create()
  assert.notEqual((await box.run('sh', ['-c', 'echo x > /etc/hosts'])).exitCode, 0)
  await using asRoot = await Sandbox.create({ user: 0 })
  const before = readFileSync('/etc/hosts', 'utf8')
  assert.equal((await asRoot.run('sh', ['-c', 'echo x > /etc/hosts && cat /etc/hosts'])).stdout, 'x\n')
  assert.equal(readFileSync('/etc/hosts', 'utf8'), before)
})

test('binds: a directory can be written, and what is written belongs to the directory’s owner on the host', async () => {
  const path = source('owned')
  const text = await inside(
    { binds: [`${path}:/data`] },
    'stat -c %u:%g /data /data/old; echo new > /data/new; mkdir /data/d; cat /data/old',
  )
  assert.equal(text, '1000:1000\n1000:1000\nold')
  for (const name of ['new', 'd']) {
    const { uid, gid } = statSync(join(path, name))
    assert.deepEqual([uid, gid], [4321, 4321], name)
  }
  assert.equal(readFileSync(join(path, 'new'), 'utf8'), 'new\n')
})

test('A60, D-L08: a read-only bind gives EROFS, also below it, and its flags can be seen', async () => {
  const path = source('kept')
  mkdirSync(join(path, 'below'))
  await using box = await Sandbox.create({ binds: [{ source: path, target: '/data', readOnly: true }], user: 0 })
  for (const command of ['echo x > /data/old', 'echo x > /data/below/new', 'rm /data/old', 'chmod 777 /data']) {
    const { exitCode, stderr } = await box.run('sh', ['-c', command])
    assert.notEqual(exitCode, 0, command)
    assert.match(stderr, /Read-only file system/, command)
  }
  const { stdout } = await box.run('grep', [' /data ', '/proc/self/mountinfo'])
  assert.match(stdout, / \/data ro,nosuid,nodev/)
  assert.deepEqual(readdirSync(path), ['below', 'old'])
})

test('binds: a file, a nested target and a target that is the source’s own path', async () => {
  const path = source('several')
  const options = { binds: [`${join(path, 'old')}:/etc/one.conf:ro`, `${path}:/opt/a/b/c`, path] }
  assert.equal(
    await inside(options, `cat /etc/one.conf /opt/a/b/c/old ${path}/old; ls ${folder}`),
    'old\nold\nold\nseveral',
  )
})

test('binds: a bind inside another one lies over it', async () => {
  const [outer, inner] = [source('outer'), source('inner')]
  mkdirSync(join(outer, 'in'))
  writeFileSync(join(inner, 'mark'), 'inner\n')
  assert.equal(await inside({ binds: [`${outer}:/o`, `${inner}:/o/in`] }, 'cat /o/in/mark /o/old'), 'inner\nold')
})

test('X09, D-L14: a symbolic link in a bind’s target is never followed', async () => {
  const path = source('links')
  const victim = source('victim')
  symlinkSync(victim, join(path, 'link'))
  symlinkSync('/etc', join(path, 'etc'))
  for (const target of ['/data/link', '/data/link/below', '/data/etc/new']) {
    const attempt = Sandbox.create({ binds: [`${path}:/data`, `${victim}:${target}`] })
    await assert.rejects(attempt, { name: 'SyscallError', feature: 'binds' }, target)
  }
  await assert.rejects(Sandbox.create({ binds: [`${victim}:/bin/x`] }), { name: 'SyscallError', feature: 'binds' })
  assert.deepEqual(readdirSync(victim), ['old'])
  assert.equal(existsSync('/etc/new'), false)
})

test('binds: a socket of the host can be shown', async () => {
  const path = join(folder, 'socket')
  const server = createServer((socket) => socket.end('hello')).listen(path)
  const script = 'import socket\ns = socket.socket(socket.AF_UNIX); s.connect("/s"); print(s.recv(9))'
  const text = await inside({ binds: [`${path}:/s`] }, `python3 -c '${script}'`).finally(() => server.close())
  assert.equal(text, "b'hello'")
})

test('net: none reaches nothing, host reaches the host’s loopback', async () => {
  const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const script = `import socket\nprint(socket.create_connection(("127.0.0.1", ${(server.address() as AddressInfo).port})).recv(9))`
  try {
    assert.equal(await inside({ net: 'host' }, `python3 -c '${script}'`), "b'hello'")
    await assert.rejects(inside({ net: 'none' }, `python3 -c '${script}'`), /Connection refused/)
  } finally {
    server.close()
  }
})

test('A66: rlimits are those of the command', async () => {
  assert.equal(
    await inside(
      { rlimits: { RLIMIT_NOFILE: 77, RLIMIT_FSIZE: { soft: 0, hard: 4096 } } },
      'ulimit -Sn; ulimit -Hn; ulimit -Sf; ulimit -c',
    ),
    '77\n77\n0\n0',
  )
})

test('X13: capabilities are kept in all five sets, as far as asked for and no further', async () => {
  const bits = (1n << 0n) | (1n << 12n)
  const mask = bits.toString(16).padStart(16, '0')
  const text = await inside(
    { capabilities: ['CAP_CHOWN', 'net_admin'] },
    'grep ^Cap /proc/self/status; touch ~/f && chown 7:7 ~/f && stat -c %u ~/f',
  )
  assert.equal(text, `${['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'].map((set) => `Cap${set}:\t${mask}`).join('\n')}\n7`)
  assert.match(await inside({ user: 0 }, 'grep ^CapEff /proc/self/status'), /\t0{16}$/)
})

test('tmp: the sandbox’s own files take no more than this together', async () => {
  const fill =
    'head -c 3M /dev/zero > /tmp/a && ! head -c 3M /dev/zero > ~/b; stat -c %s /tmp/a; rm /tmp/a; echo x > /tmp/c && cat /tmp/c'
  assert.equal(await inside({ tmp: '4M' }, `(${fill}) 2>/dev/null`), `${3 * 2 ** 20}\nx`)
})

test('seccomp: a profile of the caller’s takes the place of the built-in one', async () => {
  const { DEFAULT_SECCOMP_PROFILE } = await import('../../src/features/seccomp/index.ts')
  assert.equal(await inside({ seccomp: DEFAULT_SECCOMP_PROFILE }, 'grep ^Seccomp: /proc/self/status'), 'Seccomp:\t2')
  assert.equal(await inside({ seccomp: 'unconfined' }, 'grep ^Seccomp: /proc/self/status'), 'Seccomp:\t0')
})

/** Options that cannot be meant, and the field that the error names. */
const REFUSED: readonly (readonly [SandboxOptions, string])[] = [
  [{ memory: 'much' }, 'memory'],
  [{ memory: -5 }, 'memory'],
  [{ memory: 1 }, 'memory'],
  [{ pids: 0 }, 'pids'],
  [{ pids: 1.5 }, 'pids'],
  [{ cpus: 'half' }, 'cpus'],
  [{ cpus: 0 }, 'cpus'],
  [{ tmp: '1 M' }, 'tmp'],
  [{ rootfs: '/missing' }, 'rootfs'],
  [{ rootfs: '/etc/passwd' }, 'rootfs'],
  [{ binds: ['/missing'] }, 'binds[0].source'],
  [{ binds: ['/usr:relative'] }, 'binds[0].target'],
  [{ binds: ['/usr:/a/../b'] }, 'binds[0].target'],
  [{ binds: ['/usr:/'] }, 'binds[0].target'],
  [{ binds: ['/usr:/proc/sys'] }, 'binds[0].target'],
  [{ binds: ['/usr:/a:maybe'] }, 'binds[0]'],
  [{ binds: ['/usr:/a', '/etc:/a'] }, 'binds[1].target'],
  [{ env: { 'A=B': '1' } }, 'env.A=B'],
  [{ env: { A: 'x\0y' } }, 'env.A'],
  [{ workdir: 'here' }, 'workdir'],
  [{ user: 'ada' }, 'user'],
  [{ user: '1:' }, 'user'],
  [{ user: -1 }, 'user'],
  [{ user: 0xffff_ffff }, 'user'],
  [{ user: 70_000 }, 'user'],
  [{ hostname: 'a b' }, 'hostname'],
  [{ hostname: 'x'.repeat(65) }, 'hostname'],
  [{ net: 'bridge' as 'host' }, 'net'],
  [{ etc: { '../x': '' } }, 'etc.../x'],
  [{ rlimits: { RLIMIT_FILES: 1 } }, 'rlimits.RLIMIT_FILES'],
  [{ rlimits: { RLIMIT_NOFILE: { soft: 2, hard: 1 } } }, 'rlimits.RLIMIT_NOFILE'],
  [{ capabilities: ['CAP_CHWON'] }, 'capabilities[0]'],
  [{ seccomp: 'off' as 'default' }, 'seccomp'],
  [{ timeoutMs: -1 }, 'timeoutMs'],
  [{ memroy: '1G' } as SandboxOptions, 'memroy'],
]

test('Sandbox.create() refuses what cannot be meant, and names the field', async () => {
  const wrong: string[] = []
  for (const [options, field] of REFUSED) {
    const error = await Sandbox.create(options).then(
      (box) => box.close(),
      (caught: unknown) => caught,
    )
    const named =
      error instanceof InvalidInputError ? error.field : `${error instanceof Error ? error.message : 'was accepted'}`
    if (named !== field) wrong.push(`${JSON.stringify(options)}: ${named}, not ${field}`)
  }
  assert.deepEqual(wrong, [])
})

test('D-L10: a misspelt name is answered with the right one', async () => {
  await assert.rejects(Sandbox.create({ memroy: '1G' } as SandboxOptions), /memory/)
  await assert.rejects(Sandbox.create({ capabilities: ['CAP_CHWON'] }), /CAP_CHOWN/)
})
