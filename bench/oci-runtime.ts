import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { unifiedBesideV1 } from './group-parents.ts'
import type { Subject } from './interleave.ts'
import { printedBy, ROOT, type Workspace } from './workspace.ts'

/** Commands of a runtime, one after the other; `WAIT` waits for the processes that they have left. */
export type Job = readonly (readonly string[])[]

export const WAIT: readonly string[] = ['@wait']

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
  #live: string | undefined

  constructor(workspace: Workspace, launch: string, { name, program, before = [] }: RuntimeInput) {
    this.name = name
    this.#launch = launch
    this.#before = before
    this.#root = join(workspace.path, `states-${name.replaceAll(/\W/g, '-')}`)
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
      ...(command === WAIT ? WAIT : [...this.#program, ...command]),
    ])
    return printedBy(this.#launch, [String(count), ...this.#before, '-j', String(atOnce), ...words])
  }

  /** Makes a container that lives until the end of the benchmark. */
  async keep(id: string, bundle: string): Promise<void> {
    await this.do([
      ['create', '--bundle', bundle, id],
      ['start', id],
    ])
    this.#live = id
  }

  /** Copies the state of the live container, so that as many more seem to be on the host; they have no process, mount or group. */
  multiply(count: number): void {
    const id = this.#live ?? ''
    for (let index = 0; index < count; index++) this.#copy(id, `${id}-${index}`)
  }

  #copy(id: string, other: string): void {
    const [from, to] = [join(this.#root, id), join(this.#root, other)]
    cpSync(from, to, { recursive: true, filter: (path) => statSync(path).isFile() || path === from })
    for (const file of readdirSync(to)) {
      const text = readFileSync(join(from, file), 'utf8')
      writeFileSync(join(to, file), text.replaceAll(id, other))
    }
  }

  [Symbol.dispose](): void {
    const id = this.#live
    if (id === undefined) return
    execFileSync(this.#launch, ['1', ...this.#before, ...this.#program, 'delete', '--force', id], { stdio: 'ignore' })
  }
}

/** Name of a row, the same for whoever compares with it. */
export const rowName = (what: string, runtime: string): string => `${what}: ${runtime}`

/** The runtimes that are measured; the files of those that are executables, and what must be known of each. */
export interface OciRuntimes {
  /** As an executable */
  readonly ours: OciRuntime
  /** The same sources, by Node */
  readonly byNode: OciRuntime
  readonly peers: readonly OciRuntime[]
  readonly files: ReadonlyMap<OciRuntime, string>
  readonly notes: readonly string[]
}

/** Builds ours, and finds those of the peers that work here. */
export function findRuntimes(workspace: Workspace, launch: string): OciRuntimes {
  const executable = join(workspace.path, 'carrel-oci')
  execFileSync(process.execPath, [join(ROOT, 'tools/build-standalone.mjs'), '--quiet', '--outfile', executable], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ours = new OciRuntime(workspace, launch, { name: 'carrel-oci', program: [executable] })
  const program = [process.execPath, join(ROOT, 'dist/oci/main.js')]
  const byNode = new OciRuntime(workspace, launch, { name: 'node dist/oci/main.js', program })
  const files = new Map([[ours, executable]])
  const notes: string[] = []
  const unified = unifiedBesideV1()
  const peers = ['crun', 'runc'].flatMap((name) => {
    const before = name === 'crun' && unified !== undefined ? ['-u', unified] : []
    const peer = new OciRuntime(workspace, launch, { name, program: [name], before })
    try {
      const hidden = before.length > 0 ? '; the v2 tree of this hybrid host is hidden from it, it refuses hybrid ones' : ''
      notes.push(`${name}: ${peer.version}${hidden}`)
      files.set(peer, execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim())
      return [peer]
    } catch {
      notes.push(`${name}: missing here (apt-get install -y ${name})`)
      return []
    }
  })
  return { ours, byNode, peers, files, notes }
}
