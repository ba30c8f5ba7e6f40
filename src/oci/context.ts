import type { Kernel } from '../kernel/kernel.ts'
import type { Log } from './log.ts'
import type { StateStore } from './state/state-store.ts'

/** Options before the command's name. */
export interface GlobalOptions {
  /** Directory of the states */
  readonly root: string
  readonly debug: boolean
  readonly cgroupManager: 'cgroupfs' | 'systemd' | 'disabled'
  /** Path or name of the criu program */
  readonly criu: string
}

/** What every command works with. */
export interface Context {
  readonly kernel: Kernel
  readonly options: GlobalOptions
  readonly log: Log
  readonly store: StateStore
}
