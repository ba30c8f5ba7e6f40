/** Something that happened to a group, as the kernel tells it without being asked. */
export interface GroupEvent {
  readonly kind: GroupEventKind
  /** How often so far, for what the kernel counts */
  readonly count?: number
}

/**
 * `oom`: memory ran out and nothing could be freed; `oom-kill`: a process was killed for it; `memory-high`, `memory-max`: the bound was
 * met and memory reclaimed; `pids-max`: a fork was refused; `populated`, `empty`: the first process came, the last one is gone;
 * `frozen`, `thawed`: the whole group stands still, runs again; `gone`: the group was removed, nothing follows.
 */
export type GroupEventKind =
  'oom' | 'oom-kill' | 'memory-high' | 'memory-max' | 'pids-max' | 'populated' | 'empty' | 'frozen' | 'thawed' | 'gone'
