import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Folder of the benchmark's own sources. */
export const BENCH = dirname(fileURLToPath(import.meta.url))

/** Root of the repository. */
export const ROOT = dirname(BENCH)

/** Files that the benchmark makes: in one folder of the system's temporary one, gone at the end. */
export class Workspace implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'carrel-bench-'))

  constructor() {
    // The root of a user namespace is nobody out here, and must pass.
    chmodSync(this.path, 0o711)
  }

  /** Compiles one of the C sources beside this file. @throws when there is no compiler */
  compile(name: string): string {
    const binary = join(this.path, name)
    execFileSync('cc', ['-O2', '-static', '-o', binary, join(BENCH, `${name}.c`)], {
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    return binary
  }

  /**
   * Makes a root file system with this machine's own /bin/true and the libraries that it needs: everybody runs the same program,
   * none a smaller one.
   */
  makeRoot(name: string): string {
    const root = join(this.path, name)
    for (const folder of ['bin', 'proc', 'dev', 'sys', 'tmp']) mkdirSync(join(root, folder), { recursive: true })
    const listed = execFileSync('ldd', ['/bin/true'], { encoding: 'utf8' })
    const libraries = [...listed.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '')
    for (const file of ['/bin/true', ...libraries])
      cpSync(file, join(root, file), { dereference: true, recursive: true })
    return root
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** Runs a program of ours that prints `{"ms":[…]}`. @throws with what it wrote to stderr */
export async function timesOf(path: string, args: readonly string[], cwd?: string): Promise<readonly number[]> {
  return (await printedBy<{ ms: number[] }>(path, args, cwd)).ms
}

/** Runs a program of ours that prints JSON. @throws with what it wrote to stderr */
export async function printedBy<T>(path: string, args: readonly string[], cwd?: string): Promise<T> {
  const { stdout } = await run(path, args, { maxBuffer: 16 * 2 ** 20, ...(cwd === undefined ? {} : { cwd }) })
  return JSON.parse(stdout) as T
}
