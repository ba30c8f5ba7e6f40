import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CARREL } from '../cli/carrel.ts'
import { eventually } from '../support/eventually.ts'
import { descendants, isAlive, seen } from '../support/proc.ts'
import { type Changes, makeRoot } from '../support/oci-bundle.ts'
import { removeGroup, scratch, undoAfterTest, uniqueName } from '../support/oci.ts'

/** What a command came to. */
export interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface NsinitOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  /** Descriptors of this process that it gets as 3, 4, … */
  readonly descriptors?: readonly number[]
}

/** A command in the foreground that has not ended. */
export interface Running {
  readonly child: ChildProcess
  /** All that it and its container have written to stdout so far */
  readonly text: () => string
  readonly errors: () => string
  /** Waits until stdout matches */
  readonly shows: (pattern: RegExp) => Promise<RegExpMatchArray>
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>
}

/** A machine in software takes seconds to load the command line */
const SLOW_MS = 20_000

/** Directory of states of root's containers; a test that lets `carrel gc` loose has one of its own. */
export const store = (): string => `${process.env['CARREL_RUNTIME_DIR'] ?? '/run/carrel'}-nsinit`

const { PATH = '/usr/bin:/bin' } = process.env

/** What nsinit gets of the environment of the tests. */
function ownEnvironment(): Record<string, string> {
  const named = process.env['CARREL_RUNTIME_DIR']
  return { PATH, ...(named === undefined ? {} : { CARREL_RUNTIME_DIR: named }) }
}

/** What most containers of the tests have. */
export const NAMESPACES = { NEWNS: true, NEWUTS: true, NEWIPC: true, NEWPID: true, NEWNET: true } as const

/** A root file system of busybox with a container.json in it, as 2014's tool wanted it. */
export class NsinitDirectory {
  readonly path: string
  /** Name of its group, below the root of each hierarchy */
  readonly group: string
  readonly config: Changes

  constructor(changes: Changes = {}) {
    this.path = scratch('nsinit')
    this.group = uniqueName()
    makeRoot(this.path)
    this.config = {
      hostname: 'nsinit',
      user: 'root',
      environment: ['PATH=/bin', 'COLOUR=blue'],
      namespaces: NAMESPACES,
      capabilities: ['CHOWN', 'SETUID', 'SETGID', 'NET_BIND_SERVICE'],
      ...changes,
      cgroups: { parent: '/', name: this.group, ...(changes['cgroups'] as Changes | undefined) },
    }
    writeFileSync(join(this.path, 'container.json'), JSON.stringify(this.config))
    undoAfterTest(() => this.#remove())
  }

  /** `carrel nsinit` in the directory, to its end */
  nsinit(
    words: readonly string[],
    { cwd = this.path, env = {}, stdin = '', descriptors = [] }: NsinitOptions = {},
  ): Outcome {
    const [, ...rest] = this.#words(words)
    return spawnSync(process.execPath, rest, {
      cwd,
      env: { ...ownEnvironment(), ...env },
      input: stdin,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe', ...descriptors],
      timeout: 20_000,
      killSignal: 'SIGKILL',
    })
  }

  exec(...command: readonly string[]): Outcome {
    return this.nsinit(['exec', ...command])
  }

  /** A shell script of busybox in the container, which must end well; what it wrote */
  script(text: string): string {
    const { status, stdout, stderr } = this.exec('sh', '-c', text)
    assert.equal(status, 0, stderr + stdout)
    return stdout
  }

  /** `carrel nsinit exec` in the background; killed after the test */
  start(command: readonly string[], options: NsinitOptions = {}): Running {
    return this.background(['exec', ...command], options)
  }

  /** The same for any command of `carrel nsinit` */
  background(words: readonly string[], { cwd = this.path, env = {} }: NsinitOptions = {}): Running {
    const [, ...rest] = this.#words(words)
    const child = spawn(process.execPath, rest, { cwd, env: { ...ownEnvironment(), ...env } })
    undoAfterTest(() => void child.kill('SIGKILL'))
    let [text, errors] = ['', '']
    child.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()))
    child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
    return {
      child,
      text: () => text,
      errors: () => errors,
      shows: (pattern) =>
        eventually(
          () => pattern.exec(text) ?? undefined,
          () => `${String(pattern)} in ${JSON.stringify(text + errors)}`,
          SLOW_MS,
        ),
      ended: new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal }))),
    }
  }

  /** A live container whose first process waits; its pid as the host sees it */
  async live(script = 'sleep 1000'): Promise<Running & { readonly pid: number }> {
    const running = this.start(['sh', '-c', `echo started; ${script}`])
    await running.shows(/^started$/m)
    return { ...running, pid: this.pid }
  }

  #words(words: readonly string[]): readonly string[] {
    return [process.execPath, CARREL, 'nsinit', ...words]
  }

  /** Directory of its state, when there is one */
  get stored(): string | undefined {
    const { dev, ino } = statSync(this.path, { bigint: true })
    const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn)
    const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn)
    const path = join(store(), `nsinit-${major}.${minor}-${ino}`)
    return existsSync(path) ? path : undefined
  }

  /** As the file `pid` says */
  get pid(): number {
    return Number(readFileSync(join(this.path, 'pid'), 'utf8'))
  }

  /** A symbolic link in the root */
  link(name: string, target: string): void {
    symlinkSync(target, this.file(name))
  }

  file(name: string): string {
    return join(this.path, name)
  }

  has(name: string): boolean {
    return existsSync(this.file(name))
  }

  /** Directories of its group, in all hierarchies */
  get groups(): readonly string[] {
    const hierarchies = ['.', ...readdirSync('/sys/fs/cgroup')]
    return hierarchies.map((each) => join('/sys/fs/cgroup', each, this.group)).filter((path) => existsSync(path))
  }

  #remove(): void {
    const pid = this.has('pid') ? this.pid : 0
    if (pid > 0 && isAlive(pid) && seen(pid)) kill(pid)
    removeGroup(`/${this.group}`)
    // What a killed command left is taken away by the next one, which then finds nothing to start.
    rmSync(this.file('container.json'), { force: true })
    if (this.stored !== undefined) this.nsinit(['exec', 'true'])
    rmSync(this.path, { recursive: true, force: true })
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

/** Holds the lock of whoever makes and removes bridges, until the test ends; pid of the process group that does. */
export async function holdNetworks(): Promise<number> {
  const holder = spawn('flock', [join(store(), '.networks'), 'sleep', '1000'], { stdio: 'ignore', detached: true })
  const held = holder.pid ?? 0
  undoAfterTest(() => void (isAlive(held) && process.kill(-held, 'SIGKILL')))
  await eventually(
    () => descendants(held).length > 0,
    () => 'flock does not hold the lock',
  )
  return held
}
