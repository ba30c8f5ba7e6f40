import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { InvalidInputError, UnsupportedError } from '../base/errors.ts'
import { DEVICE_LINKS } from '../features/root/devices.ts'
import { isStaticProgram } from '../linux/elf.ts'
import { makedev } from '../linux/params.ts'
import type { Agent } from '../process/agent.ts'
import { program } from '../program/builder.ts'

/** What was made. */
export interface TestRoot {
  readonly directory: string
  /** How many names busybox has in it */
  readonly applets: number
  /** Without them (an ordinary user makes none) `carrel ns` gives a /dev of its own */
  readonly devices: boolean
}

const DIRECTORIES = [
  'bin',
  'sbin',
  'etc',
  'proc',
  'dev',
  'dev/net',
  'dev/pts',
  'dev/shm',
  'sys',
  'tmp',
  'root',
  'run',
  'usr',
  'usr/bin',
  'usr/sbin',
  'var',
]

/** Where everybody may write */
const OPEN: readonly string[] = ['tmp', 'dev/shm']

/** Numbers and modes of Documentation/admin-guide/devices.txt; kmsg and console are the host's, and root's alone. */
const NODES = [
  ['null', 1, 3, 0o666],
  ['zero', 1, 5, 0o666],
  ['full', 1, 7, 0o666],
  ['random', 1, 8, 0o666],
  ['urandom', 1, 9, 0o666],
  ['kmsg', 1, 11, 0o600],
  ['tty', 5, 0, 0o666],
  ['console', 5, 1, 0o600],
  ['net/tun', 10, 200, 0o666],
] as const

const FILES = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
  'etc/group': 'root:x:0:\n',
  'etc/hosts': '127.0.0.1 localhost\n::1 localhost\n',
}

const S_IFCHR = 0o020_000

/**
 * Makes a root file system of busybox, for trying things out: a whole one, or none.
 * @param init program that is copied to /init.sh
 * @throws InvalidInputError when there is something at `directory`, UnsupportedError without a static busybox
 */
export async function makeTestRoot(agent: Agent, directory: string, init: string): Promise<TestRoot> {
  if (lstatSync(directory, { throwIfNoEntry: false })) throw taken(directory)
  assertFile(init)
  const busybox = findBusybox()
  const topmost = claim(directory)
  try {
    for (const name of ['.', ...DIRECTORIES]) makeDirectory(join(directory, name), OPEN.includes(name) ? 0o1777 : 0o755)
    const applets = copyBusybox(busybox, directory)
    for (const [path, content] of Object.entries(FILES)) {
      writeFileSync(join(directory, path), content)
      chmodSync(join(directory, path), 0o644)
    }
    for (const [name, target] of DEVICE_LINKS) symlinkSync(target, join(directory, 'dev', name))
    copyFileSync(init, join(directory, 'init.sh'))
    chmodSync(join(directory, 'init.sh'), 0o755)
    return { directory, applets, devices: await makeNodes(agent, directory) }
  } catch (error) {
    rmSync(directory, { recursive: true, force: true })
    removeEmpty(dirname(directory), topmost)
    throw error
  }
}

const taken = (directory: string): InvalidInputError =>
  new InvalidInputError(`DIR must not exist, and ${directory} does: remove it, or name another one`, { field: 'DIR' })

/** Makes it, with those above it; of two at once one has it. Gives the topmost that was made. */
function claim(directory: string): string {
  const above = dirname(directory)
  const topmost = mkdirSync(above, { recursive: true })
  try {
    mkdirSync(directory)
    return topmost ?? directory
  } catch (error) {
    if (topmost !== undefined) removeEmpty(above, topmost)
    throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? taken(directory) : error
  }
}

/** From the lowest up to the topmost; what somebody has put something into meanwhile stays. */
function removeEmpty(lowest: string, topmost: string): void {
  for (let directory = lowest; directory.startsWith(topmost); directory = dirname(directory)) {
    try {
      rmdirSync(directory)
    } catch {
      return
    }
  }
}

function assertFile(init: string): void {
  if (statSync(init, { throwIfNoEntry: false })?.isFile()) return
  throw new InvalidInputError(`init must be a file of the host, and ${init} is none`, { field: 'init' })
}

/** Whatever the caller's umask: root of a user namespace is somebody else here. */
function makeDirectory(path: string, mode: number): void {
  mkdirSync(path, { recursive: true })
  chmodSync(path, mode)
}

/** Places where distributions have it; PATH is the caller's own and may hold another. */
const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox', '/sbin/busybox', '/usr/sbin/busybox']

function findBusybox(): string {
  const found = BUSYBOX.filter((path) => existsSync(path))
  const linked = found.find((path) => isStaticProgram(readFileSync(path)))
  if (linked !== undefined) return linked
  const what = found.length > 0 ? `${found[0]} needs shared libraries` : `there is no ${BUSYBOX[0]}`
  throw new UnsupportedError(`A test root is made of a static busybox, and ${what}`, {
    fact: 'busybox-static',
    remedy: 'apt-get install busybox-static (Fedora: dnf install busybox, Alpine: apk add busybox-static)',
  })
}

/** One copy; each applet is a name of it. */
function copyBusybox(busybox: string, directory: string): number {
  const copy = join(directory, 'bin/busybox')
  copyFileSync(busybox, copy)
  chmodSync(copy, 0o755)
  const names = execFileSync(copy, ['--list'], { encoding: 'utf8' })
    .split('\n')
    .filter((name) => /^[^/]+$/.test(name))
  const applets = names.filter((name) => name !== 'busybox')
  for (const name of applets) linkSync(copy, join(directory, 'bin', name))
  return applets.length
}

/** All of them or none: mknod(2) is CAP_MKNOD's, in no user namespace but the first. */
async function makeNodes(agent: Agent, directory: string): Promise<boolean> {
  const p = program()
  p.because('devices', 'Modes are meant as they are written here')
  p.umask(0)
  for (const [name, major, minor, mode] of NODES) {
    p.mknodat('AT_FDCWD', join(directory, 'dev', name), S_IFCHR | mode, makedev(major, minor))
  }
  const { failure } = await agent.attempt(p)
  if (failure && failure.errno !== 'EPERM') await agent.run(p)
  if (failure) for (const [name] of NODES) rmSync(join(directory, 'dev', name), { force: true })
  return failure === undefined
}
