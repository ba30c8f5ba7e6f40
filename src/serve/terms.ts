import type { SandboxOptions } from '../sandbox/options.ts'
import type { Hangups } from './hangups.ts'
import type { LogEvent, LogFields } from './log.ts'
import type { Peer } from './peer.ts'
import type { QuietLimits } from './quiet.ts'
import type { Turns } from './turns.ts'

/** What ends a connection, in milliseconds. */
export interface TimeLimits extends QuietLimits {
  /** From its first moment on; undefined: no limit */
  readonly timeoutMs: number | undefined
  /** Between SIGTERM and SIGKILL */
  readonly graceMs: number
}

/** What all connections of a server have in common. */
export interface Terms {
  readonly command: readonly string[]
  readonly sandbox: SandboxOptions
  readonly limits: TimeLimits
  /** For making containers */
  readonly turns: Turns
  readonly hangups: Hangups
  log(event: LogEvent, fields: LogFields): void
  /** What a client has typed or piped */
  input(from: { readonly id: number; readonly peer: Peer }, bytes: Uint8Array): void
}
