import type { TestRecord } from '../test-run.ts'

/**
 * Who runs a test file, and where. `root`: where the machine's first program is. `delegated user`: the machine's ordinary user,
 * for each file in a new group that was delegated to it. `scope of root`, `scope of a user`: in a new scope of systemd, of its
 * system manager or of the user's own, with `Delegate=yes`.
 */
export type Circumstances = 'root' | 'delegated user' | 'scope of root' | 'scope of a user'

/** Test files that run in a machine under the same circumstances. */
export interface Stage {
  /** `v2 as root`: where its tests are said to have run */
  readonly name: string
  readonly as: Circumstances
  readonly files: readonly string[]
}

/** What a machine is to do, as its `/carrel-vm/job.json` says. */
export interface Job {
  readonly repository: string
  readonly stages: readonly Stage[]
}

/** A line of its `/carrel-vm/progress`. */
export type Progress = { readonly kind: 'begin' } | FileEnded | { readonly kind: 'end' }

/** A test file has ended. */
export interface FileEnded {
  readonly kind: 'file'
  readonly stage: string
  readonly file: string
  readonly seconds: number
  /** Exit code, or the signal that ended it */
  readonly code: number | string
  readonly records: readonly TestRecord[]
  /** Lines that tests wrote to `CARREL_EFFECTS` */
  readonly effects: readonly string[]
  /** What it printed */
  readonly output: string
}
