import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Subject } from './interleave.ts'
import { BENCH } from './workspace.ts'

/**
 * A Node process of its own that does the work: small, without the loader of this one, or with a heap as large as is asked for.
 */
export class MeasuredProcess implements AsyncDisposable {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /**
   * @param ballastMb memory that it holds and has touched, in MiB
   * @param jobs the file of its jobs, in this folder
   */
  static async start(ballastMb = 0, jobs = 'measured-jobs.mjs'): Promise<MeasuredProcess> {
    const child = fork(join(BENCH, jobs), [String(ballastMb)], {
      execArgv: [],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const started = new MeasuredProcess(child)
    await started.#answer('start')
    return started
  }

  /** Does one job. @throws what the job threw */
  ask<T>(job: string, argument?: unknown): Promise<T> {
    this.#child.send({ job, argument })
    return this.#answer<T>(job)
  }

  async #answer<T>(job: string): Promise<T> {
    const settled = new AbortController()
    const { signal } = settled
    try {
      const gone = once(this.#child, 'exit', { signal }).then(([code, by]) => {
        throw new Error(`Process ended (${String(code ?? by)}) instead of answering ${job}`)
      })
      gone.catch(() => {})
      const [message] = (await Promise.race([once(this.#child, 'message', { signal }), gone])) as [
        { error?: string; value?: T },
      ]
      if (message.error !== undefined) throw new Error(`${job}: ${message.error}`)
      return message.value as T
    } finally {
      settled.abort()
    }
  }

  /** A job that takes a count and answers with a time for each. */
  subject(name: string, batch: number, job: string): Subject {
    return { name, batch, measure: (count) => this.ask<number[]>(job, count) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    if (this.#child.connected) this.#child.disconnect()
    const impatience = setTimeout(() => this.#child.kill('SIGKILL'), 10_000)
    await gone
    clearTimeout(impatience)
  }
}
