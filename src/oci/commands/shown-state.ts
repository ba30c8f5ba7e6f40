import { readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ContainerRecord, ContainerStatus } from '../state/container-record.ts'

/** The state of the specification (runtime.md#state), with what other runtimes add to it. */
export interface ShownState {
  readonly ociVersion: string
  readonly id: string
  readonly status: ContainerStatus
  /** 0: there is none (any more) */
  readonly pid: number
  readonly bundle: string
  readonly rootfs: string
  readonly created: string
  /** Name of the user, or the number of one without a name */
  readonly owner: string
  readonly annotations: Readonly<Record<string, string>>
}

/** What `state` and `list` print of a container. */
export function shownState(kernel: Kernel, record: ContainerRecord, status: ContainerStatus): ShownState {
  const { ociVersion, id, bundle, rootfs, created, owner, annotations } = record
  const pid = status === 'stopped' ? 0 : record.pid
  return { ociVersion, id, status, pid, bundle, rootfs, created, owner: userName(kernel, owner), annotations }
}

/** As the users of this machine are named; no library is asked, which would load modules of its own (nsswitch.conf(5)). */
function userName(kernel: Kernel, uid: number): string {
  if (uid === 0) return 'root'
  const users = readText(kernel, '/etc/passwd') ?? ''
  const line = users.split('\n').find((each) => each.split(':')[2] === String(uid))
  return line?.split(':')[0] ?? String(uid)
}
