import type { Config } from '../../bundle/spec.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'

/** What `state.json` of a container holds: all that a later command must know and cannot ask the kernel. */
export interface ContainerRecord {
  readonly id: string
  readonly ociVersion: string
  /** As this pid namespace numbers it; 0 before it was made: the record says then what is to be removed should it never be */
  readonly pid: number
  /** Of `pid`, in clock ticks since boot (proc_pid_stat(5) field 22): a later process with its number is another */
  readonly startTime: number
  /** Absolute */
  readonly bundle: string
  /** Absolute */
  readonly rootfs: string
  /** RFC 3339, UTC */
  readonly created: string
  /** User id of whoever created it */
  readonly owner: number
  readonly annotations: Readonly<Record<string, string>>
  /** Directories of its group, to be read, frozen, killed and removed; none when groups are off */
  readonly groups: readonly GroupPlace[]
  /** systemd unit that holds the group; absent: the runtime made the directories itself */
  readonly scope?: string
  /** Directory of resctrl to be removed with it */
  readonly closDirectory?: string
  /** The hooks of its end ran already: its start failed */
  readonly poststopRan?: true
  /** What its first process waits to execute, by a program of so many steps: `start` says by it what failed */
  readonly final?: { readonly executable: string; readonly steps: number }
}

/** A record with the configuration that the container was created from, which later changes of the bundle do not touch. */
export interface StoredContainer {
  readonly record: ContainerRecord
  readonly config: Config
}

/** The specification's states, and `paused` as engines know it. */
export type ContainerStatus = 'creating' | 'created' | 'running' | 'paused' | 'stopped'
