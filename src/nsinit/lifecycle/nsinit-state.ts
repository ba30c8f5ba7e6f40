import type { ContainerRecord } from '../../oci/state/container-record.ts'
import type { NetworkState } from '../network/network-state.ts'

/** What state.json of a data directory says, for others to read; this program believes its own records alone. */
export interface NsinitState {
  readonly init_pid: number
  /** proc_pid_stat(5) field 22, as text */
  readonly init_start_time: string
  readonly network_state: NetworkState
  /** Directories of its group, by controller, as 2014's later versions wrote them */
  readonly cgroup_paths: Readonly<Record<string, string>>
  /** /proc/sys/kernel/random/boot_id: pids and start times are of one boot */
  readonly boot_id: string
}

/** Annotations that a record of this program has. */
export const ANNOTATIONS = {
  /** Path of the data directory when the container was started */
  data: 'org.carrel.nsinit.data',
  /** Boot that the container was started in */
  boot: 'org.carrel.nsinit.boot',
  /** What /proc/self/ns/pid was: pids are of one pid namespace */
  pidns: 'org.carrel.nsinit.pid_namespace',
  /** What /proc/self/ns/net was: bridges are of one network namespace */
  netns: 'org.carrel.nsinit.network_namespace',
  /** JSON of a `NetworkState`; before there is one, of the bridges that are asked for */
  network: 'org.carrel.nsinit.network_state',
  /** JSON of a list: levels above the group that are there for the sake of this container or one before it, the deepest first */
  parents: 'org.carrel.nsinit.parent_groups',
} as const

/** From the record of a container. */
export function stateOf({ pid, startTime, groups, annotations }: ContainerRecord): NsinitState {
  const paths = groups.flatMap(({ controllers, directory }) =>
    (controllers.length > 0 ? controllers : ['unified']).map((controller) => [controller, directory] as const),
  )
  return {
    init_pid: pid,
    init_start_time: String(startTime),
    network_state: networkOf(annotations),
    cgroup_paths: Object.fromEntries(paths),
    boot_id: annotations[ANNOTATIONS.boot] ?? '',
  }
}

type Annotations = ContainerRecord['annotations']

/** Of the annotations of a record. */
export const networkOf = (annotations: Annotations): NetworkState =>
  JSON.parse(annotations[ANNOTATIONS.network] ?? '{}') as NetworkState

export const parentsOf = (annotations: Annotations): readonly string[] =>
  JSON.parse(annotations[ANNOTATIONS.parents] ?? '[]') as readonly string[]
