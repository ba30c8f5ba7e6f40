import { chownSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Circumstances } from './job.ts'

/** The ordinary user of a test machine; init.sh makes it. */
const USER = 1000

const USER_ENV = {
  ...{ HOME: '/home/carrel', USER: 'carrel', LOGNAME: 'carrel', XDG_RUNTIME_DIR: `/run/user/${USER}` },
  DBUS_SESSION_BUS_ADDRESS: `unix:path=/run/user/${USER}/bus`,
}

/** How a program is started under some circumstances. */
export interface Start {
  /** Words before the program's own */
  readonly words: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Undoes what was made for the program, once it has ended */
  readonly undo: () => void
}

const DROP = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--init-groups']
const SCOPE = ['--scope', '--quiet', '--collect', '--property=Delegate=yes']

/** Makes the circumstances for one program. */
export function startUnder(circumstances: Circumstances): Start {
  const nothing = (): void => {}
  switch (circumstances) {
    case 'root':
      return { words: [], env: {}, undo: nothing }
    case 'scope of root':
      return { words: ['systemd-run', ...SCOPE], env: {}, undo: nothing }
    case 'scope of a user':
      return { words: [...DROP, 'systemd-run', '--user', ...SCOPE], env: USER_ENV, undo: nothing }
    case 'delegated user':
      return inDelegatedGroup()
  }
}

const GROUPS = '/sys/fs/cgroup'

// What systemd gives to the owner of a delegated group (systemd.resource-control(5), cgroups(7) "Delegation").
const DELEGATED = ['', 'cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads']

let made = 0

function inDelegatedGroup(): Start {
  const slice = join(GROUPS, `user-${USER}.slice`)
  mkdirSync(slice, { recursive: true })
  for (const folder of [GROUPS, slice]) enableControllers(folder)
  const group = join(slice, `test-${++made}.scope`)
  mkdirSync(group)
  for (const name of DELEGATED) chownSync(join(group, name), USER, USER)
  const enter = ['sh', '-c', 'echo $$ >"$1" && shift && exec "$@"', 'sh', join(group, 'cgroup.procs')]
  return { words: [...enter, ...DROP], env: USER_ENV, undo: () => removeLater(group) }
}

/** How long the agents of an ended program may take to leave its group, in milliseconds */
const LEAVES_MS = 5000

/** @throws Error EBUSY, ENOTEMPTY for a group that something was left in */
function removeLater(group: string): void {
  for (const end = Date.now() + LEAVES_MS; ; Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)) {
    try {
      // Whoever owns no more than systemd gives away cannot take it back himself (decision 0029).
      if (existsSync(join(group, 'carrel-self'))) rmdirSync(join(group, 'carrel-self'))
      return rmdirSync(group)
    } catch (error) {
      if (Date.now() > end) throw error
    }
  }
}

function enableControllers(folder: string): void {
  const controllers = readFileSync(join(folder, 'cgroup.controllers'), 'utf8').trim().split(' ')
  writeFileSync(join(folder, 'cgroup.subtree_control'), controllers.map((name) => `+${name}`).join(' '))
}
