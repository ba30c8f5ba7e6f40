import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConsoleSocket } from '../support/console-socket.ts'
import { type Changes, container, scratch, tryCreate, useOci } from '../support/oci.ts'
import { usualMounts } from '../support/oci-bundle.ts'
import { attack, Outside, refuses } from './outside.ts'

useOci()

/** The usual mounts without that of /dev: what the image has there is what the runtime meets. */
const withoutDev = (): readonly Changes[] => usualMounts().filter(({ destination }) => destination !== '/dev')

/** Replaces a path of a root by a link. */
function link(root: string, path: string, target: string): void {
  rmSync(join(root, path), { recursive: true, force: true })
  mkdirSync(join(root, path, '..'), { recursive: true })
  symlinkSync(target, join(root, path))
}

/** Replaces a path of a root by what mknod(1) makes. */
function node(root: string, path: string, ...words: readonly string[]): void {
  rmSync(join(root, path), { recursive: true, force: true })
  mkdirSync(join(root, path, '..'), { recursive: true })
  execFileSync('mknod', [join(root, path), ...words])
}

function attackByLinks(path: string, target: string, changes: Changes): void {
  attack(`${path} by an absolute link`, changes, (root, outside) => link(root, path, outside.path + target))
  attack(`${path} by a link upwards`, changes, (root, outside) => link(root, path, outside.upwards + target))
}

// CVE-2019-19921, CVE-2023-27561, CVE-2023-28642: masks and labels by path would be of another place.
test('a root whose /proc or /sys is a link is refused', () => {
  for (const path of ['proc', 'sys']) refuses({}, { prepare: (root) => link(root, path, '/tmp/elsewhere') })
})

test('links at /proc and /sys to the host reach nothing', () => {
  for (const path of ['proc', 'sys']) attackByLinks(path, '', {})
})

// CVE-2026-41579 and the same in crun: the devices would be made on the host.
test('a link at /dev reaches nothing, with a mount on it and without', () => {
  attackByLinks('dev', '', { mounts: withoutDev() })
  attackByLinks('dev', '', { mounts: usualMounts().slice(0, 1) })
  attackByLinks('dev', '/folder', {})
})

// CVE-2025-31133: the inode of /dev/null is what masks a file.
test('a link at /dev/null is not what masks paths', () => {
  const linux = { maskedPaths: ['/masked', '/etc/passwd'] }
  for (const mounts of [withoutDev(), usualMounts().slice(0, 1)]) {
    attack('null', { mounts, linux }, (root, outside) => {
      link(root, 'dev/null', `${outside.path}/secret`)
      writeFileSync(join(root, 'masked'), 'x')
    })
  }
  const pattern = execFileSync('cat', ['/proc/sys/kernel/core_pattern'], { encoding: 'utf8' })
  attack('core_pattern', { mounts: usualMounts().slice(0, 1), linux }, (root) => {
    link(root, 'dev/null', '/proc/sys/kernel/core_pattern')
    writeFileSync(join(root, 'masked'), 'x')
  })
  assert.equal(execFileSync('cat', ['/proc/sys/kernel/core_pattern'], { encoding: 'utf8' }), pattern)
})

test('with a link at /dev/null, what is masked is the null device', () => {
  const prepare = (root: string): void => {
    link(root, 'dev/null', '/etc/group')
    writeFileSync(join(root, 'masked'), 'x')
  }
  const one = tryCreate({ mounts: usualMounts().slice(0, 1), linux: { maskedPaths: ['/masked'] } }, { prepare })
  if (one.made.status !== 0) return
  const shown = execFileSync('stat', ['-c', '%t:%T', `/proc/${one.pid}/root/masked`], { encoding: 'utf8' })
  assert.equal(shown, '1:3\n')
})

test('links at other places of /dev reach nothing', () => {
  for (const path of ['dev/pts', 'dev/shm', 'dev/mqueue', 'dev/ptmx', 'dev/fd', 'dev/stdin', 'dev/zero', 'dev/tty']) {
    attackByLinks(path, '/folder', { mounts: withoutDev() })
    attackByLinks(path, '/new', { mounts: withoutDev() })
  }
})

// CVE-2025-52565: the terminal would be mounted on a file of the host's choosing.
test('links at /dev/console and /dev/pts reach nothing when there is a terminal', async () => {
  for (const path of ['dev/console', 'dev/pts', 'dev/ptmx']) {
    const socket = await ConsoleSocket.listen()
    const outside = new Outside()
    const prepare = (root: string): void => link(root, path, `${outside.path}/secret`)
    const changes = { mounts: withoutDev(), process: { terminal: true } }
    const one = tryCreate(changes, { prepare, words: ['--console-socket', socket.path], timeoutMs: 15_000 })
    assert.notEqual(one.made.status, null, path)
    outside.assertUntouched(path)
  }
})

test('links at /etc, and files in it, reach nothing', () => {
  attackByLinks('etc', '', {})
  for (const path of ['etc/passwd', 'etc/group', 'etc/mtab', 'etc/hostname']) attackByLinks(path, '/secret', {})
})

// CVE-2021-30465, CVE-2024-45310: the folders of a destination would be made on the host.
test('destinations of mounts behind links make nothing on the host', () => {
  const source = scratch('file')
  writeFileSync(source, 'x')
  const folder = scratch('folder')
  mkdirSync(folder)
  const mounts: Readonly<Record<string, Changes>> = {
    tmpfs: { destination: '/link/a/b', type: 'tmpfs', source: 'tmpfs' },
    folder: { destination: '/link/a/b', source: folder, options: ['rbind'] },
    file: { destination: '/link/a/file', source, options: ['bind'] },
    copied: { destination: '/link', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup'] },
    dots: { destination: '/link/../../../../../tmp/x/../../link/c', type: 'tmpfs', source: 'tmpfs' },
  }
  for (const [name, mount] of Object.entries(mounts)) {
    for (const way of ['path', 'upwards'] as const) {
      attack(`${name} ${way}`, { mounts: [...usualMounts(), mount] }, (root, outside) =>
        link(root, 'link', outside[way]),
      )
    }
  }
})

test('devices, cwd, masked and read-only paths behind links make nothing on the host', () => {
  const devices = [{ path: '/link/device', type: 'c', major: 1, minor: 3 }]
  const changes: Readonly<Record<string, Changes>> = {
    device: { linux: { devices } },
    cwd: { process: { cwd: '/link/new/folder' } },
    masked: { linux: { maskedPaths: ['/link/secret', '/link/folder'] } },
    readonly: { linux: { readonlyPaths: ['/link/secret', '/link/folder'] } },
  }
  for (const [name, change] of Object.entries(changes)) {
    for (const way of ['path', 'upwards'] as const)
      attack(`${name} ${way}`, change, (root, outside) => link(root, 'link', outside[way]))
  }
})

test('FIFOs at the places of targets do not stop the runtime', () => {
  const source = scratch('file')
  writeFileSync(source, 'x')
  const bind = (destination: string): Changes => ({ destination, source, options: ['bind', 'ro'] })
  const mounts = [...withoutDev(), bind('/etc/hosts')]
  for (const path of ['etc/hosts', 'etc/passwd', 'dev/null', 'dev/console', 'dev/ptmx', 'dev/tty']) {
    attack(path, { mounts, linux: { maskedPaths: ['/etc/passwd'], readonlyPaths: ['/etc/hosts'] } }, (root) =>
      node(root, path, 'p'),
    )
  }
})

test('device nodes at the places of targets are not what is used', () => {
  const source = scratch('file')
  writeFileSync(source, 'x')
  const mounts = [...withoutDev(), { destination: '/etc/hosts', source, options: ['bind'] }]
  // 10:130 is the watchdog: whoever opens it has the host rebooted. It does not exist here, 10:200 (tun) stands for it.
  attack('hosts', { mounts }, (root) => node(root, 'etc/hosts', 'c', '10', '200'))
  for (const path of ['dev/null', 'dev/zero', 'dev/console']) {
    attack(path, { mounts, linux: { maskedPaths: ['/etc/passwd'] } }, (root) => node(root, path, 'c', '10', '200'))
  }
  const one = tryCreate(
    { mounts: usualMounts().slice(0, 1) },
    { prepare: (root) => node(root, 'dev/null', 'c', '10', '200') },
  )
  if (one.made.status !== 0) return
  assert.equal(execFileSync('stat', ['-c', '%t:%T', `/proc/${one.pid}/root/dev/null`], { encoding: 'utf8' }), '1:3\n')
})

test('mounts of a container are not shared with the host', () => {
  const { pid } = container()
  const shown = execFileSync('cat', [`/proc/${pid}/mountinfo`], { encoding: 'utf8' })
  assert.doesNotMatch(shown, / shared:/)
})
