import { StateError } from '../../base/errors.ts'
import type { IdMapping, Linux } from '../../bundle/spec.ts'
import type { SyncAgent } from '../../kernel/agent.ts'
import { program } from '../../program/builder.ts'
import { DEFAULT_PATH, execSteps } from '../../program/exec-steps.ts'

/** How long a helper may take; it writes one file */
const HELPER_MS = 10_000

/**
 * Has the set-uid helpers of shadow-utils write the maps of a process: an ordinary user may use the ranges of /etc/subuid and
 * /etc/subgid by them alone (newuidmap(1)).
 * @throws StateError
 */
export function writeMapsByHelpers(maker: SyncAgent, pid: number, { uidMappings = [], gidMappings = [] }: Linux): void {
  run(maker, 'newuidmap', pid, uidMappings)
  run(maker, 'newgidmap', pid, gidMappings)
}

function run(maker: SyncAgent, helper: string, pid: number, mappings: readonly IdMapping[]): void {
  const rows = mappings.flatMap(({ containerID, hostID, size }) => [containerID, hostID, size]).map(String)
  const p = program()
  p.because('users', `${helper}(1): ranges of the user that /etc/subuid and /etc/subgid grant`)
  p.rt_sigprocmask('SIG_SETMASK', [])
  execSteps(p, { path: helper, argv: [helper, String(pid), ...rows], env: { PATH: DEFAULT_PATH } })
  const child = maker.fork()
  child.become(p)
  const status = maker.waitFor(child.pid as number, HELPER_MS)
  if (status === 0) return
  const ranges = helper === 'newuidmap' ? '/etc/subuid' : '/etc/subgid'
  throw new StateError(
    `${helper} refused the mappings ${rows.join(' ')}: give the user a range that holds them in ${ranges}, or map other ids`,
    { state: status === undefined ? 'late' : `status ${status >> 8}`, wanted: 'mapped ids' },
  )
}
