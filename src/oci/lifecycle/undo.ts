import type { Config } from '../../bundle/spec.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import type { SyncAgent } from '../../kernel/agent.ts'
import { removeDirectory } from '../../kernel/directories.ts'
import { signalProcess } from '../../kernel/process.ts'
import { endGroup } from '../cgroups/end-group.ts'
import type { Context } from '../context.ts'
import { runPoststop } from './poststop.ts'

const SIGKILL = 9

/** What a creation has made so far, to be taken back when it fails; each failure of that is told, and the first error is kept. */
export class Undo {
  readonly #context: Context
  readonly #id: string
  readonly #maker: SyncAgent
  #config: Config | undefined
  #bundle = ''
  #isClaimed = false
  #pid: number | undefined
  #places: readonly GroupPlace[] = []
  #scope: string | undefined
  #closDirectory: string | undefined
  #hooksRan = false
  readonly #others: (() => void | Promise<void>)[] = []

  constructor(context: Context, id: string, maker: SyncAgent) {
    this.#context = context
    this.#id = id
    this.#maker = maker
  }

  claimed(config: Config, bundle: string): void {
    this.#isClaimed = true
    this.#config = config
    this.#bundle = bundle
  }

  grouped(places: readonly GroupPlace[], scope?: string): void {
    this.#places = places
    this.#scope = scope
  }

  made(pid: number): void {
    this.#pid = pid
  }

  resctrl(directory: string): void {
    this.#closDirectory = directory
  }

  /** From now on hooks may have changed something that those of `poststop` take back. */
  hooksRan(): void {
    this.#hooksRan = true
  }

  /** Something that the caller made beside the container, taken back before its state goes: until then nobody else can have its id. */
  also(step: () => void | Promise<void>): void {
    this.#others.unshift(step)
  }

  async run(): Promise<void> {
    const { kernel, store, log } = this.#context
    const steps: (() => void | Promise<void>)[] = [
      () => void (this.#pid !== undefined && signalProcess(kernel, this.#pid, SIGKILL)),
      () => void this.#maker.end(),
      ...this.#others,
      () => this.#stopScope(),
      () => endGroup(kernel, this.#places),
      () => void (this.#closDirectory && removeDirectory(kernel, this.#closDirectory)),
      () => void (this.#isClaimed && store.remove(this.#id)),
      // When all else is gone (runtime.md#lifecycle)
      () => void (this.#hooksRan && this.#poststop()),
    ]
    for (const step of steps) {
      try {
        await step()
      } catch (error) {
        log.warn(`Taking back what was made of container ${this.#id}: ${(error as Error).message}`)
      }
    }
  }

  #poststop(): void {
    if (!this.#config) return
    const { annotations = {} } = this.#config
    runPoststop(this.#context, this.#config, { id: this.#id, pid: 0, bundle: this.#bundle, annotations })
  }

  async #stopScope(): Promise<void> {
    if (this.#scope === undefined) return
    const { stopScopeSync } = await import('../cgroups/systemd-scope.ts')
    stopScopeSync(this.#context.kernel, this.#scope)
  }
}
