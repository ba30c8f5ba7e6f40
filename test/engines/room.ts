import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { eventually } from '../support/eventually.ts'
import { cgroupName, cgroupsOf } from '../support/machine-check.ts'
import { REPOSITORY } from '../support/repository.ts'
import { writeBusyboxImage } from './busybox-image.ts'
import { installRuntime } from './installed-runtime.ts'

/** An ordinary user of the room, with ranges of ids of his own; the host does not know him. */
export const ENGINEER = { name: 'engineer', id: 12_345, firstSubordinate: 200_000, subordinates: 65_536 } as const

/** What a command in the room came to. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string
  /** Beside PATH, HOME and TMPDIR */
  readonly env?: Readonly<Record<string, string>>
  /** Runs it as ENGINEER instead of root */
  readonly ordinary?: boolean
  /** Working folder, `/` by default */
  readonly cwd?: string
  readonly timeoutMs?: number
}

/** A program that goes on in the room: a daemon, or one with a terminal. */
export interface Running {
  /** What it has written so far, both streams */
  readonly output: () => string
  readonly write: (text: string) => void
  /** Exit code, once it has ended and its streams are closed */
  readonly ended: Promise<number | null>
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>

const SCRIPT = join(REPOSITORY, 'tools/engines/room.sh')
const TIMEOUT_MS = 30_000
/** statfs(2): an overlay cannot hold the upper folders of another */
const OVERLAYFS_MAGIC = 0x79_4c_76_30

/**
 * Where engines run: with processes, mounts, network and cgroups of their own, which all end with it, and with one temporary folder for
 * everything that they write. The runtime under test is `/usr/local/bin/carrel-oci` in it, and `runc` for who looks for that name.
 */
export class Room implements AsyncDisposable {
  readonly folder: string
  /** Its cgroup, below the root of each hierarchy */
  readonly group: string
  /** A docker archive with the image `localhost/busybox:latest` */
  readonly image: string
  /** Storage driver of engines that stack layers */
  readonly storage: 'overlay' | 'vfs'
  readonly #parent: Child
  readonly #init: number

  private constructor(folder: string, group: string, parent: Child, init: number) {
    this.folder = folder
    this.group = group
    this.image = join(folder, 'image.tar')
    this.storage = statfsSync(folder).type === OVERLAYFS_MAGIC ? 'vfs' : 'overlay'
    this.#parent = parent
    this.#init = init
  }

  static async open(name: string): Promise<Room> {
    const folder = mkdtempSync(join(tmpdir(), 'carrel-engine-'))
    const group = cgroupName(name)
    chmodSync(folder, 0o755)
    furnish(folder)
    const { hidesUnified } = installRuntime(join(folder, 'usr/local/bin'), join(folder, 'runtime.log'))
    writeBusyboxImage(join(folder, 'image.tar'), join(folder, 'tmp'))
    const parent = spawn(SCRIPT, ['make', folder, group, ...(hidesUnified ? ['hide-unified'] : [])], PIPED)
    const output = collect(parent)
    try {
      await eventually(
        () => existsSync(join(folder, 'ready')) || parent.exitCode !== null,
        () => `the room is ready: ${output()}`,
        TIMEOUT_MS,
      )
      const init = readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'utf8').trim()
      assert.match(init, /^\d+$/, `The room has no first process: ${output()}`)
      return new Room(folder, group, parent, Number(init))
    } catch (error) {
      parent.kill('SIGKILL')
      removeGroups(group)
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** A path in the room's folder. */
  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts)
  }

  /** A path as the room sees it, from the host. */
  inside(path: string): string {
    return `/proc/${this.#init}/root${path}`
  }

  /** A file of /proc about a process of the room, by the pid that the engine knows. */
  proc(pid: number | string, ...parts: readonly string[]): string {
    return this.inside(join('/proc', String(pid), ...parts))
  }

  /** Each command line that an engine has given to the runtime, oldest first. */
  calls(): readonly string[] {
    return readFileSync(this.path('runtime.log'), 'utf8').split('\n').slice(0, -1)
  }

  /** Runs a command in the room to its end. */
  async run(command: readonly string[], options: RunOptions = {}): Promise<Ended> {
    const child = this.#spawn(command, options)
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
    // Its group, because nsenter has a child of its own in the room.
    const timer = setTimeout(() => process.kill(-Number(child.pid), 'SIGKILL'), options.timeoutMs ?? TIMEOUT_MS)
    const [code] = (await once(child, 'close')) as [number | null]
    clearTimeout(timer)
    return { code, stdout, stderr }
  }

  /** Runs a command that must succeed; what it wrote to its standard output, trimmed. */
  async text(command: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(command, options)
    assert.equal(code, 0, `${command.join(' ')} ended with ${code}: ${stderr}${stdout}${this.#lastCalls()}`)
    return stdout.trim()
  }

  /** Starts a command and leaves it running. */
  start(command: readonly string[], options: RunOptions = {}): Running {
    const child = this.#spawn(command, options)
    const output = collect(child)
    child.stdin.on('error', () => {})
    const ended = once(child, 'close').then(([code]) => code as number | null)
    return { output, write: (text) => void child.stdin.write(text), ended }
  }

  /** Starts a command with a terminal of 91 columns and 33 rows: script(1) of util-linux is its other end. */
  terminal(command: readonly string[], options: RunOptions = {}): Running {
    const words = command.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ')
    return this.start(['script', '-qec', `stty cols 91 rows 33; exec ${words}`, '/dev/null'], options)
  }

  /** Ends everything in it, and takes it away. */
  async close(): Promise<void> {
    const gone = this.#parent.exitCode === null ? once(this.#parent, 'exit') : undefined
    this.#parent.kill('SIGKILL')
    await gone
    await eventually(
      () => removeGroups(this.group),
      () => `cgroups of ${this.group} are gone: ${cgroupsOf(this.group).join(' ')}`,
      20_000,
    )
    rmSync(this.folder, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #spawn(command: readonly string[], options: RunOptions): Child {
    const id = String(ENGINEER.id)
    const identity = options.ordinary ? ['setpriv', '--reuid', id, '--regid', id, '--init-groups', '--'] : []
    const home = options.ordinary ? 'home' : 'root-home'
    return spawn(SCRIPT, ['enter', String(this.#init), this.group, ...identity, ...command], {
      ...PIPED,
      detached: true,
      env: {
        PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        HOME: this.path(home),
        USER: options.ordinary ? ENGINEER.name : 'root',
        TMPDIR: this.path('tmp'),
        LANG: 'C.UTF-8',
        TERM: 'xterm',
        ROOM_CWD: options.cwd ?? '/',
        ...(options.ordinary ? { XDG_RUNTIME_DIR: `/run/user/${id}` } : {}),
        ...options.env,
      },
    })
  }

  /** What the engine last asked of the runtime, for messages. */
  #lastCalls(): string {
    return `\nLast calls of the runtime:\n${this.calls().slice(-4).join('\n')}`
  }
}

const PIPED = { stdio: ['pipe', 'pipe', 'pipe'] as ['pipe', 'pipe', 'pipe'] }

function collect(child: Child): () => string {
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
  }
  return () => output
}

/** Files that the room has in place of the host's. */
function furnish(folder: string): void {
  const { name, id, firstSubordinate, subordinates } = ENGINEER
  const folders = [
    'etc/containers',
    'usr/local/bin',
    'run/lock',
    `run/user/${id}`,
    'tmp',
    'home',
    'root-home',
    'var/tmp',
  ]
  for (const each of [...folders, 'dev/shm']) mkdirSync(join(folder, each), { recursive: true })
  for (const each of ['tmp', 'var/tmp', 'dev/shm']) chmodSync(join(folder, each), 0o1777)
  for (const each of ['home', `run/user/${id}`]) chownSync(join(folder, each), id, id)
  chmodSync(join(folder, `run/user/${id}`), 0o700)
  const write = (path: string, text: string): void => writeFileSync(join(folder, 'etc', path), text)
  write('passwd', `${readFileSync('/etc/passwd', 'utf8')}${name}:x:${id}:${id}::${join(folder, 'home')}:/bin/sh\n`)
  write('group', `${readFileSync('/etc/group', 'utf8')}${name}:x:${id}:\n`)
  // `containers` is who podman looks for when it draws a range by itself (--userns=auto).
  const ranges = `${name}:${firstSubordinate}:${subordinates}\ncontainers:1000000:1048576\n`
  for (const file of ['subuid', 'subgid']) write(file, ranges)
  write('hosts', '127.0.0.1 localhost engines\n')
  write('resolv.conf', 'nameserver 127.0.0.1\n')
  // No registry is ever asked.
  write('containers/policy.json', '{"default":[{"type":"insecureAcceptAnything"}]}')
  write('containers/registries.conf', 'unqualified-search-registries = []\n')
}

/** Removes a group of every hierarchy with all below it; true once none is left. */
function removeGroups(name: string): boolean {
  for (const group of cgroupsOf(name)) {
    for (const below of [...foldersBelow(group), group]) {
      try {
        rmdirSync(below)
      } catch {
        // A process in it is still ending: whoever waits tries again.
      }
    }
  }
  return cgroupsOf(name).length === 0
}

/** All folders below this one, deepest first. */
export function foldersBelow(folder: string): readonly string[] {
  try {
    const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    return names.flatMap(({ name }) => [...foldersBelow(join(folder, name)), join(folder, name)])
  } catch {
    return []
  }
}
