import { decodeCapabilities } from './capability-names.ts'
import type { HostSource } from './source.ts'

/** What /proc/self/status says about this process, proc_pid_status(5). */
export interface Status {
  /** Effective user id */
  readonly uid: number
  /** Effective group id */
  readonly gid: number
  readonly groups: readonly number[]
  /** Effective capabilities, kernel names */
  readonly capabilities: readonly string[]
  /** `Seccomp:` mode (0 none, 1 strict, 2 filter), absent when the kernel was built without it */
  readonly seccomp?: number
}

export function readStatus(source: HostSource): Status {
  const fields = new Map(
    (source.text('/proc/self/status') ?? '').split('\n').map((line) => {
      const colon = line.indexOf(':')
      return [
        line.slice(0, colon),
        line
          .slice(colon + 1)
          .trim()
          .split(/\s+/)
          .filter(Boolean),
      ] as const
    }),
  )
  const seccomp = fields.get('Seccomp')?.[0]
  return {
    uid: Number(fields.get('Uid')?.[1] ?? 65534),
    gid: Number(fields.get('Gid')?.[1] ?? 65534),
    groups: (fields.get('Groups') ?? []).map(Number),
    capabilities: decodeCapabilities(fields.get('CapEff')?.[0] ?? '0'),
    ...(seccomp === undefined ? {} : { seccomp: Number(seccomp) }),
  }
}
