import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Subject } from './interleave.ts'
import { printedBy, type Workspace } from './workspace.ts'

/** Commands of a runtime, one after the other; `WAIT` waits for the processes that they have left. */
export type Job = readonly (readonly string[])[]

export const WAIT: readonly string[] = ['@wait']

/** Id of a container that is different in each run */
export const ID = 'carrel-bench-{}'

/** Stands for the id of the container that a runtime keeps */
export const LIVE = '@live'

interface Launched {
  /** Milliseconds of each run */
  readonly ms: readonly number[]
  /** KiB of each command of the job */
  readonly kib: readonly number[]
}

interface RuntimeInput {
  readonly name: string
  /** What is started, before the runtime's own words */
  readonly program: readonly string[]
  /** Words for the launcher */
  readonly before?: readonly string[]
}

/** A program that runs bundles, with states of its own. */
export class OciRuntime implements Disposable {
  readonly name: string
  readonly #program: readonly string[]
  readonly #before: readonly string[]
  readonly #launch: string
  readonly #root: string
  /** An id for each: runtimes may choose the same group for the same one */
  readonly #live: string
  #isKeeping = false

  constructor(workspace: Workspace, launch: string, { name, program, before = [] }: RuntimeInput) {
    this.name = name
    this.#launch = launch
    this.#before = before
    const word = name.replaceAll(/\W/g, '-')
    this.#live = `carrel-bench-${process.pid}-${word}`
    this.#root = join(workspace.path, `states-${word}`)
    mkdirSync(this.#root, { mode: 0o700 })
    this.#program = [...program, '--root', this.#root]
  }

  /** First line of what it says of itself. @throws when it does not work */
  get version(): string {
    const [program = '', ...words] = this.#program
    const { status, stdout, error } = spawnSync(program, [...words, '--version'], { encoding: 'utf8' })
    if (error || status !== 0) throw error ?? new Error(`--version ended with ${status}`)
    return stdout.split('\n')[0]?.trim() ?? ''
  }

  /** A row's subject: `what` is the name of the job in the table. */
  subject(what: string, batch: number, job: Job): Subject {
    return { name: rowName(what, this.name), batch, measure: async (count) => (await this.do(job, count)).ms }
  }

  /** As one time: `count` jobs in a row. */
  inARow(what: string, count: number, job: Job): Subject {
    const measure = async () => [(await this.do(job, count)).ms.reduce((sum, each) => sum + each, 0)]
    return { name: rowName(what, this.name), batch: 1, measure }
  }

  /** As one time: `count` jobs at once. */
  atOnce(what: string, count: number, job: Job): Subject {
    return { name: rowName(what, this.name), batch: 1, measure: async () => (await this.do(job, 1, count)).ms }
  }

  /** Does a job `count` times. @throws with what a command wrote to stderr */
  do(job: Job, count = 1, atOnce = 1): Promise<Launched> {
    const words = job.flatMap((command, index) => [
      ...(index > 0 ? [';'] : []),
      ...(command === WAIT ? WAIT : [...this.#program, ...command.map((word) => (word === LIVE ? this.#live : word))]),
    ])
    return printedBy(this.#launch, [String(count), ...this.#before, '-j', String(atOnce), ...words])
  }

  /** Makes a container that lives until the end of the benchmark. */
  async keep(bundle: string): Promise<void> {
    this.#isKeeping = true
    await this.do([
      ['create', '--bundle', bundle, LIVE],
      ['start', LIVE],
    ])
  }

  /** Copies the state of the live container, so that as many more seem to be on the host; they have no process, mount or group. */
  multiply(count: number): void {
    for (let index = 0; index < count; index++) this.#copy(`${this.#live}-${index}`)
  }

  #copy(other: string): void {
    const [from, to] = [join(this.#root, this.#live), join(this.#root, other)]
    cpSync(from, to, { recursive: true, filter: (path) => statSync(path).isFile() || path === from })
    for (const file of readdirSync(to)) {
      const text = readFileSync(join(from, file), 'utf8')
      writeFileSync(join(to, file), text.replaceAll(this.#live, other))
    }
  }

  [Symbol.dispose](): void {
    if (!this.#isKeeping) return
    const words = ['1', ...this.#before, ...this.#program, 'delete', '--force', this.#live]
    spawnSync(this.#launch, words, { stdio: ['ignore', 'ignore', 'inherit'] })
  }
}

/** Name of a row, the same for whoever compares with it. */
export const rowName = (what: string, runtime: string): string => `${what}: ${runtime}`
