import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach } from 'node:test'
import { makeBundle, type Bundle, type BundleOptions, type Changes } from './oci-bundle.ts'
import { eventually } from './eventually.ts'
import { checkMachine } from './machine-check.ts'
import { isAlive, seen } from './proc.ts'
import { REPOSITORY } from './repository.ts'

export type { Bundle, BundleOptions, Changes }

/** The runtime that the tests are run with. */
export interface Runtime {
  readonly name: 'carrel' | 'crun' | 'runc'
  /** Its file: what a container must not be able to change */
  readonly file: string
  /** Program and words before the runtime's own */
  readonly command: readonly string[]
}

/** What a command of the runtime came to; `stdout` and `stderr` are also what a container that it made has written so far. */
export interface Outcome {
  /** Exit code; null when a signal ended it, or when it was too slow */
  readonly status: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

export interface OciOptions {
  readonly stdin?: string
  /** Instead of PATH alone */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Descriptors of this process that it gets as 3, 4, … */
  readonly descriptors?: readonly number[]
  readonly timeoutMs?: number
  /** Words before the command; default `--root` with a folder of this process */
  readonly global?: readonly string[]
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const TIMEOUT_MS = 20_000

/** CARREL_OCI_RUNTIME (a path, or `runc` or `crun` of Debian), else ours as built. */
export const RUNTIME: Runtime = findRuntime(process.env['CARREL_OCI_RUNTIME'])

function findRuntime(wanted: string | undefined): Runtime {
  if (wanted === undefined) return ours()
  const file = wanted.includes('/') ? wanted : inPath(wanted)
  if (basename(file) === 'crun') return { name: 'crun', file, command: beyondHybrid(file) }
  return { name: basename(file) === 'runc' ? 'runc' : 'carrel', file, command: [file] }
}

function ours(): Runtime {
  const file = join(REPOSITORY, `build/linux-${process.arch}/carrel-oci`)
  if (existsSync(file)) return { name: 'carrel', file, command: [file] }
  const script = join(REPOSITORY, 'dist/oci/main.js')
  return { name: 'carrel', file: script, command: [process.execPath, script] }
}

/** crun refuses hosts with v1 controllers and a v2 tree beside them: the tree is hidden from it. */
function beyondHybrid(file: string): readonly string[] {
  const unified = '/sys/fs/cgroup/unified'
  if (!existsSync(unified)) return [file]
  return ['unshare', '-m', '--propagation', 'slave', 'sh', '-c', `umount ${unified}; exec "$0" "$@"`, file]
}

function inPath(name: string): string {
  const found = PATH.split(':').find((folder) => existsSync(join(folder, name)))
  return join(found ?? '/usr/bin', name)
}

let folder: string | undefined
let count = 0
const undos: (() => void)[] = []

/** Folder of this process for states, bundles and output; it goes with the process. */
function workFolder(): string {
  if (folder !== undefined) return folder
  const made = mkdtempSync(join(tmpdir(), 'carrel-oci-test-'))
  // The superuser of a user namespace must be able to reach its root.
  chmodSync(made, 0o755)
  mkdirSync(join(made, 'state'), { mode: 0o700 })
  process.on('exit', () => rmSync(made, { recursive: true, force: true }))
  return (folder = made)
}

/** Folder of the states: `--root` of every command. */
export const stateRoot = (): string => join(workFolder(), 'state')

/** A path below this process's folder that no other test uses. */
export const scratch = (name: string): string => join(workFolder(), `${++count}-${name}`)

/** Runs after the test, whatever became of it, the last first. */
export const undoAfterTest = (undo: () => void): void => void undos.push(undo)

/** Name that no other test uses: an id, and that of a cgroup which `checkMachine` would find. */
export const uniqueName = (): string => `carrel-test-${process.pid}-${++count}`

/**
 * Once in a file: after each test its containers are deleted, their groups and bundles removed, and the test fails when it leaves
 * anything behind (`checkMachine`), a state of the runtime among it.
 */
export function useOci(): void {
  afterEach(() => {
    const failures: unknown[] = []
    for (let undo = undos.pop(); undo !== undefined; undo = undos.pop()) {
      try {
        undo()
      } catch (error) {
        failures.push(error)
      }
    }
    const states = readdirSync(stateRoot())
    rmSync(stateRoot(), { recursive: true, force: true })
    mkdirSync(stateRoot(), { mode: 0o700 })
    if (failures.length > 0) throw failures[0]
    assert.deepEqual(states, [], 'containers are left in the state directory')
  })
  checkMachine()
}

/** A temporary bundle with busybox as its root and a small configuration, changed by `changes`: objects merge, `undefined` removes. */
export function bundle(changes: Changes = {}, options: BundleOptions = {}): Bundle {
  const made = makeBundle(scratch('bundle'), uniqueName(), changes, options)
  undoAfterTest(() => {
    removeGroup(made.cgroup)
    rmSync(made.path, { recursive: true, force: true })
  })
  return made
}

/** Runs one command of the runtime and waits for its end; a container's output goes to files, so nobody waits for that. */
export function oci(words: readonly string[], options: OciOptions = {}): Outcome {
  const [out, errors] = [scratch('stdout'), scratch('stderr')]
  const files = [openSync(inputOf(options.stdin), 'r'), openSync(out, 'a+'), openSync(errors, 'a+')]
  try {
    const [program = '', ...before] = RUNTIME.command
    const ended = spawnSync(program, [...before, ...(options.global ?? ['--root', stateRoot()]), ...words], {
      cwd: options.cwd ?? workFolder(),
      env: options.env ?? { PATH },
      stdio: [...files, ...(options.descriptors ?? [])],
      timeout: options.timeoutMs ?? TIMEOUT_MS,
      killSignal: 'SIGKILL',
    })
    if (ended.error !== undefined && ended.status === null && ended.signal === null) throw ended.error
    return {
      status: ended.status,
      signal: ended.signal,
      get stdout() {
        return readIfThere(out)
      },
      get stderr() {
        return readIfThere(errors)
      },
    }
  } finally {
    for (const file of files) closeSync(file)
  }
}

/** A file with this text: what is a pipe for a shell is a socket in Node, which cannot be opened as /dev/stdin. */
function inputOf(text: string | undefined): string {
  if (text === undefined) return '/dev/null'
  const file = scratch('stdin')
  writeFileSync(file, text)
  return file
}

/** Starts a command of the runtime without waiting; it is killed after the test. */
export function startOci(words: readonly string[], options: OciOptions = {}): ChildProcess {
  const [program = '', ...before] = RUNTIME.command
  const child = spawn(program, [...before, ...(options.global ?? ['--root', stateRoot()]), ...words], {
    cwd: options.cwd ?? workFolder(),
    env: options.env ?? { PATH },
    stdio: ['pipe', 'pipe', 'pipe', ...(options.descriptors ?? [])],
  })
  undoAfterTest(() => void child.kill('SIGKILL'))
  return child
}

/** Text of a file, nothing when there is none. */
function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

/** Like `oci`, but fails the test unless it succeeds. */
export function ociOk(words: readonly string[], options: OciOptions = {}): Outcome {
  const outcome = oci(words, options)
  assert.equal(outcome.status, 0, `${RUNTIME.name} ${words.join(' ')}: ${outcome.stderr}${outcome.stdout}`)
  return outcome
}

export interface ContainerOptions extends OciOptions, BundleOptions {
  readonly id?: string
  /** Words between the command and the id */
  readonly words?: readonly string[]
}

/** State as the runtime prints it (runtime.md#state). */
export interface State {
  readonly ociVersion: string
  readonly id: string
  readonly status: string
  readonly pid?: number
  readonly bundle: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** A container of the runtime under test, deleted after the test. */
export class Container {
  readonly id: string
  readonly bundle: Bundle
  readonly pidFile: string
  /** What `create` came to; its output is the container's */
  readonly made: Outcome
  readonly #options: OciOptions

  constructor(made: Bundle, options: ContainerOptions) {
    this.id = options.id ?? basename(made.cgroup)
    this.bundle = made
    this.pidFile = join(made.path, 'pid')
    this.#options = options
    undoAfterTest(() => this.#end())
    const words = ['create', '--bundle', made.path, '--pid-file', this.pidFile, ...(options.words ?? []), this.id]
    this.made = oci(words, options)
  }

  /** Pid of its first process, as the host sees it */
  get pid(): number {
    return Number(readFileSync(this.pidFile, 'utf8'))
  }
  /** What it has written to stdout so far */
  get output(): string {
    return this.made.stdout
  }
  get errors(): string {
    return this.made.stderr
  }
  start(): this {
    this.command(['start', this.id])
    return this
  }
  state(): State {
    return JSON.parse(this.command(['state', this.id]).stdout) as State
  }
  kill(signal = 'KILL'): this {
    this.command(['kill', this.id, signal])
    return this
  }
  delete(...flags: readonly string[]): void {
    this.command(['delete', ...flags, this.id])
  }
  /** A command in it, in the foreground */
  exec(args: readonly string[], flags: readonly string[] = [], options: OciOptions = {}): Outcome {
    return oci(['exec', ...flags, this.id, ...args], { ...this.#global(), ...options })
  }
  /** Any command of the runtime, which must succeed */
  command(words: readonly string[]): Outcome {
    return ociOk(words, this.#global())
  }
  /** Waits until its first process has ended; gives what it wrote to stdout */
  async ended(timeoutMs?: number): Promise<string> {
    const { pid } = this
    await eventually(
      () => !isAlive(pid),
      () => `container ${this.id} runs still, its output is ${this.output}${this.errors}`,
      timeoutMs,
    )
    return this.output
  }
  #global(): OciOptions {
    const { global, env } = this.#options
    return { ...(global ? { global } : {}), ...(env ? { env } : {}) }
  }
  #end(): void {
    const pid = existsSync(this.pidFile) ? this.pid : undefined
    const started = pid === undefined ? undefined : seen(pid)?.started
    oci(['delete', '--force', this.id], this.#global())
    const lives = (): boolean => pid !== undefined && isAlive(pid) && seen(pid)?.started === started
    for (let attempt = 0; lives() && attempt < 2000; attempt++) pause()
    if (pid === undefined || !lives()) return
    process.kill(pid, 'SIGKILL')
    assert.fail(`process ${pid} of container ${this.id} survived delete --force`)
  }
}

/** Tries to create a container; `made.status` says whether there is one. */
export function tryCreate(changes: Changes | Bundle = {}, options: ContainerOptions = {}): Container {
  return new Container(isBundle(changes) ? changes : bundle(changes, options), options)
}

/** A created container: `start()` runs its program. */
export function created(changes: Changes | Bundle = {}, options: ContainerOptions = {}): Container {
  const one = tryCreate(changes, options)
  assert.equal(one.made.status, 0, `${RUNTIME.name} create: ${one.made.stderr}${one.made.stdout}`)
  return one
}

/** A running container; its program is `sleep 1000` by default. */
export function container(changes: Changes | Bundle = {}, options: ContainerOptions = {}): Container {
  return created(changes, options).start()
}

/** `run` in the foreground: what the program printed, and its exit code. */
export function run(changes: Changes | Bundle = {}, options: ContainerOptions = {}): Outcome {
  const made = isBundle(changes) ? changes : bundle(changes, options)
  const id = options.id ?? basename(made.cgroup)
  undoAfterTest(() => void oci(['delete', '--force', id], options.global ? { global: options.global } : {}))
  return oci(['run', '--bundle', made.path, ...(options.words ?? []), id], options)
}

/** Changes that make a shell script of busybox the container's program. */
export const script = (text: string): { readonly args: readonly string[] } => ({ args: ['/bin/sh', '-c', text] })

const isBundle = (value: Changes | Bundle): value is Bundle => 'config' in value && 'cgroup' in value

/** Kills what is in a group of this process's tests, in any hierarchy, and removes it; any other path is not touched. */
export function removeGroup(path: string): void {
  // A hostile cgroupsPath must not be followed: `/..` would be every process of the machine.
  if (!new RegExp(`^/carrel-test-${process.pid}-[\\w.-]+(?:/[\\w.-]*[\\w-])*$`).test(path)) return
  for (const hierarchy of ['.', ...readdirSync('/sys/fs/cgroup')]) removeTree(join('/sys/fs/cgroup', hierarchy, path))
}

function removeTree(path: string): void {
  if (!existsSync(path)) return
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(path, entry.name))
  }
  for (let attempt = 0; existsSync(path) && attempt < 1000; attempt++) {
    for (const pid of readIfThere(join(path, 'cgroup.procs')).split('\n')) kill(Number(pid))
    try {
      rmdirSync(path)
    } catch {
      // A frozen group dies thawed only; a dying process keeps its group for a moment.
      if (existsSync(join(path, 'freezer.state'))) writeFileSync(join(path, 'freezer.state'), 'THAWED')
      pause()
    }
  }
}

/** Five milliseconds, without an event loop */
const pause = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)

function kill(pid: number): void {
  try {
    if (pid > 0) process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}
