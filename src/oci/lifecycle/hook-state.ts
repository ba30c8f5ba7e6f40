import type { Config } from '../../bundle/spec.ts'
import type { ContainerStatus } from '../state/container-record.ts'

/** What is known of a container when its state is told: to hooks, to a seccomp agent, to whoever asks. */
export interface StateFacts {
  readonly id: string
  readonly pid: number
  readonly bundle: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** The state of a container as the specification has it (state-schema.json), without a line break at its end. */
export function stateText(facts: StateFacts, status: ContainerStatus, ociVersion: Config['ociVersion']): string {
  const { id, pid, bundle, annotations = {} } = facts
  return JSON.stringify({ ociVersion, id, status, pid: status === 'stopped' ? 0 : pid, bundle, annotations })
}
