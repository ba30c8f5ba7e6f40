import assert from 'node:assert/strict'
import type { ChildProcess, SpawnSyncReturns } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listRecords, type StoredRecord } from '../../src/container/records.ts'
import { eventually } from '../support/eventually.ts'
import { carrel, start } from './carrel.ts'

/** A sandbox that `carrel run` keeps alive in another process. */
export interface LiveBox {
  readonly child: ChildProcess
  readonly id: string
  readonly stored: StoredRecord
  /** Ends it as a user does, and waits until it is gone */
  close(): Promise<void>
}

/** Live sandboxes of one test file, with a directory of records of their own. */
export class LiveBoxes {
  readonly directory: string
  /** Visible to sandboxes as /data when bound with `--bind` */
  readonly data: string
  readonly #folder: string
  readonly #boxes = new Set<LiveBox>()

  constructor(name: string) {
    this.#folder = mkdtempSync(join(tmpdir(), `carrel-${name}-`))
    chmodSync(this.#folder, 0o755)
    this.directory = join(this.#folder, 'records')
    this.data = mkdtempSync(join(this.#folder, 'data-'))
    chmodSync(this.data, 0o777)
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, CARREL_RUNTIME_DIR: this.directory }
  }

  /** Runs a command of `carrel` among them. */
  carrel(words: readonly string[], input = ''): SpawnSyncReturns<string> {
    return carrel(words, { env: this.env, input })
  }

  /** The same, of which success is expected; gives what it printed. */
  succeed(words: readonly string[], input = ''): string {
    const { status, stdout, stderr } = this.carrel(words, input)
    assert.deepEqual([status, stderr], [0, ''], words.join(' '))
    return stdout
  }

  /** Starts a sandbox with a shell script in it; resolves when the script runs. */
  async start(script: string, options: readonly string[] = []): Promise<LiveBox> {
    const words = ['run', ...options, '--bind', `${this.data}:/data`, '--', 'sh', '-c', `echo ready; ${script}`]
    const child = start(words, { env: this.env, stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit').then(() => assert.fail('carrel run ended'))
    await Promise.race([once(child.stdout ?? assert.fail(), 'data'), ended])
    ended.catch(() => {})
    const stored = await eventually(
      () => listRecords(this.directory).records.find(({ record, pid }) => record.owner.pid === child.pid && pid),
      () => 'the sandbox has no record',
    )
    const box: LiveBox = { child, id: stored.record.id, stored, close: () => this.#close(box) }
    this.#boxes.add(box)
    return box
  }

  /** Removes the record of a sandbox that never was. */
  forget(id: string): void {
    rmSync(join(this.directory, `${id}.json`))
  }

  async #close(box: LiveBox): Promise<void> {
    this.#boxes.delete(box)
    if (box.child.exitCode !== null || box.child.signalCode !== null) return
    box.child.kill('SIGKILL')
    await once(box.child, 'exit')
    await eventually(
      () => listRecords(this.directory).records.every(({ record }) => record.id !== box.id),
      () => `sandbox ${box.id} is still there`,
    )
  }

  /** Ends all that still live. */
  async closeAll(): Promise<void> {
    for (const box of this.#boxes) await this.#close(box)
  }

  /** Ends all of them and removes the directory. */
  async close(): Promise<void> {
    await this.closeAll()
    rmSync(this.#folder, { recursive: true })
  }
}

/** A file of one of its groups, as the kernel says it now; the v2 group has no controller on hybrid hosts. */
export function groupFile({ record }: StoredRecord, ...names: readonly string[]): string {
  for (const { directory } of record.places) {
    for (const name of names) {
      try {
        return readFileSync(join(directory, name), 'utf8')
      } catch {
        // Another hierarchy, or the other version's name.
      }
    }
  }
  return assert.fail(`no group has ${names.join(' or ')}`)
}
