import type { Controller } from '../../host/facts.ts'

/** One directory of a group: what is known of a live group on every host. On v2 a group is one of these, on v1 one per hierarchy. */
export interface GroupPlace {
  /** `/sys/fs/cgroup/memory/carrel-1` */
  readonly directory: string
  readonly version: 1 | 2
  /** Controllers that it is there for; none in a v2 group that serves `cgroup.kill`, freezing and CPU accounting alone */
  readonly controllers: readonly Controller[]
}
