import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Sandbox } from '../../src/sandbox/index.ts'
import { requires } from '../support/requires.ts'
import { carrel } from '../cli/carrel.ts'

// A Debian root made by debootstrap as --rootfs. Made once for a machine, because that takes half a minute.

const cache = join(tmpdir(), `carrel-debian-${process.getuid?.()}`)
const rootfs = join(cache, 'root')
const needs = existsSync('/usr/sbin/debootstrap') ? requires({ root: true }) : { skip: 'needs debootstrap' }

before(() => {
  if (needs.skip || existsSync(rootfs)) return
  mkdirSync(cache, { recursive: true, mode: 0o755 })
  const making = join(cache, `making-${process.pid}`)
  const { status, stdout, stderr } = spawnSync('debootstrap', ['--variant=minbase', 'stable', making, ...mirrors()], {
    ...{ encoding: 'utf8', timeout: 600_000, maxBuffer: 2 ** 26 },
  })
  if (status !== 0) rmSync(making, { recursive: true, force: true })
  assert.equal(status, 0, `${stdout}${stderr}`)
  renameSync(making, rootfs)
})

/** Where this machine gets its packages from. */
function mirrors(): string[] {
  const files = ['/etc/apt/sources.list', '/etc/apt/sources.list.d/debian.sources'].filter((path) => existsSync(path))
  const texts = files.map((path) => readFileSync(path, 'utf8'))
  const found = texts.flatMap((text) => /^(?:deb (?:\[.*?\] )?|URIs: *)(\S+)/m.exec(text)?.[1] ?? [])
  return found.slice(0, 1)
}

/** All that a change below a directory would change: names, sizes and times. */
function stateOf(directory: string): string {
  const visit = (path: string): string[] => {
    const { mtimeMs, size, mode } = statSync(path)
    const own = `${path} ${mtimeMs} ${size} ${mode}`
    return [
      own,
      ...readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? visit(join(path, entry.name)) : [entry.name],
      ),
    ]
  }
  return visit(directory).join('\n')
}

let untouched = ''
before(() => {
  if (!needs.skip) untouched = stateOf(rootfs)
})

async function inside(script: string, user = '1000:1000'): Promise<string> {
  await using box = await Sandbox.create({ rootfs, user })
  const { stdout, stderr, exitCode } = await box.run('sh', ['-c', script])
  assert.equal(exitCode, 0, stderr)
  return stdout.trim()
}

test('R07: a Debian root is the root: its own files, its own programs', needs, async () => {
  const version = readFileSync(join(rootfs, 'etc/debian_version'), 'utf8').trim()
  assert.equal(await inside('cat /etc/debian_version'), version)
  assert.match(
    await inside('dpkg --version; apt-get --version; dpkg -l | wc -l'),
    /Debian 'dpkg'[\s\S]*apt \d+[\s\S]*\n\d+$/,
  )
  assert.equal(await inside('ls -d /usr/bin/npm /work /root/.ssh 2>/dev/null; true'), '')
})

test('a Debian root’s users are kept, and the sandbox’s is added', needs, async () => {
  const passwd = await inside('cat /etc/passwd; echo; id')
  assert.match(passwd, /^daemon:x:1:1:/m)
  assert.match(passwd, /^user:x:1000:1000:user:\/home\/user:\/bin\/sh$/m)
  assert.match(passwd, /uid=1000\(user\) gid=1000\(user\)/)
  assert.equal(await inside('id -un', '1:1'), 'daemon')
})

test('a Debian root’s files belong to root inside, and cannot be written by it', needs, async () => {
  assert.equal(await inside('stat -c %u:%g /usr /etc/debian_version /var/lib/dpkg', '0:0'), '0:0\n0:0\n0:0')
  const tries = 'for f in /usr/x /var/x /etc/debian_version /var/lib/dpkg/status; do (echo x >> $f) 2>&1; done; true'
  for (const line of (await inside(tries, '0:0')).split('\n'))
    assert.match(line, /Read-only file system|Permission denied/)
})

test('a Debian root has the sandbox’s own /tmp, /home, /dev and /proc', needs, async () => {
  assert.equal(
    await inside('touch /tmp/a ~/b /dev/shm/d && ls /tmp ~ /dev/shm | tr "\\n" " "'),
    '/dev/shm: d  /home/user: b  /tmp: a',
  )
  assert.equal(
    await inside('ls /dev | tr "\\n" " "'),
    'fd full null ptmx pts random shm stderr stdin stdout tty urandom zero',
  )
  assert.ok(Number(await inside('ls /proc | grep -c "^[0-9]"')) < 7)
  assert.match(await inside('hostname; cat /etc/hostname'), /^(carrel-\d+)\n\1$/)
})

test('carrel run --rootfs: a shell in Debian', needs, () => {
  const { stdout, status, stderr } = carrel([
    'run',
    '--rootfs',
    rootfs,
    '--',
    'sh',
    '-c',
    '. /etc/os-release; echo $ID; perl -e "print 6*7"',
  ])
  assert.deepEqual([stdout, status], ['debian\n42', 0], stderr)
})

test('D-N13: nothing was written to the Debian root', needs, () => {
  assert.equal(stateOf(rootfs), untouched)
})

after(() => {
  if (!needs.skip)
    for (const name of readdirSync(cache)) if (name !== 'root') rmSync(join(cache, name), { recursive: true })
})
