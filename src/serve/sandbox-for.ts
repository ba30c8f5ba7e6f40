import { randomBytes, randomInt } from 'node:crypto'
import type { SandboxOptions } from '../sandbox/options.ts'
import type { Hello } from './wire/hello.ts'

/** Limits for strangers, where nothing else was said; those of `carrel run` are for one's own commands. */
const DEFAULTS = { memory: '256M', pids: 64, tmp: '64M' } as const

/** Users that nobody is, as the source drew them. */
const USERS = { from: 10_000, to: 60_000 } as const

/**
 * Options of the sandbox of one connection: each has its own user and host name, drawn, so that neither tells anything about this machine. What
 * was said for all takes the place of a default, by its key: no variable is there twice (getenv(3) takes the first, shells the last).
 */
export function sandboxFor(all: SandboxOptions, connection: number): SandboxOptions {
  const hostname = all.hostname ?? `box-${randomBytes(6).toString('hex')}`
  const limits = all.resources === undefined ? DEFAULTS : { tmp: DEFAULTS.tmp }
  const { pids } = { ...limits, ...all }
  return {
    user: randomInt(USERS.from, USERS.to),
    ...limits,
    ...all,
    name: `${all.name ?? 'serve'}-${connection}`,
    hostname,
    // For hosts without groups; it counts per user, and no other sandbox has this one's.
    rlimits: { ...(typeof pids === 'number' ? { RLIMIT_NPROC: pids } : {}), ...all.rlimits },
    env: {
      CONTAINER: 'carrel',
      TERM: 'linux',
      TMPDIR: '/tmp',
      HOSTNAME: hostname,
      ...all.env,
    },
  }
}

/** What a client's terminal adds to the environment, unless it was said for all. */
export const terminalEnv = ({ env = {} }: SandboxOptions, hello: Hello | undefined): Record<string, string> =>
  hello?.tty && env['TERM'] === undefined ? { TERM: hello.term } : {}
