import { InvalidInputError } from '../../base/errors.ts'
import type { Fd, Pid, Ref } from '../../linux/ref.ts'
import { DecimalPath } from '../../linux/decimal-path.ts'
import type { Program } from '../../program/builder.ts'

/** A row of /proc/PID/uid_map: `count` ids from `inside` on are `outside` and following. */
export interface IdRow {
  readonly inside: number
  readonly outside: number
  readonly count: number
}

/** How ids of a sandbox are the host's. */
export interface IdMap {
  readonly uids: readonly IdRow[]
  readonly gids: readonly IdRow[]
  /**
   * Who writes the maps: `parent` has CAP_SETUID over them; an ordinary user may map its own id alone, after giving up setgroups
   * (user_namespaces(7)); the set-uid helpers of the uidmap package write the ranges of /etc/subuid.
   */
  readonly writer: 'parent' | 'single' | 'newuidmap'
}

/** Ids in a sandbox: 65536, as many as a usual system has. */
export const RANGE = 65536

/**
 * Ranges that a privileged caller takes from: above all that /etc/subuid (from 100000) and systemd-nspawn (524288 to 1879048191)
 * give out, below 2^31 because some programs keep ids in signed numbers.
 */
export const POOL = { first: 0x7000_0000, ranges: 0x0fff } as const

/** The map of a privileged caller: range number `index` of the pool. */
export function rangeMap(index: number): IdMap {
  const row = { inside: 0, outside: POOL.first + index * RANGE, count: RANGE }
  return { uids: [row], gids: [row], writer: 'parent' }
}

/** The map of an ordinary user without helpers: the one id that commands run as is the caller's. */
export function singleMap(command: { uid: number; gid: number }, caller: { uid: number; gid: number }): IdMap {
  return {
    uids: [{ inside: command.uid, outside: caller.uid, count: 1 }],
    gids: [{ inside: command.gid, outside: caller.gid, count: 1 }],
    writer: 'single',
  }
}

/** The map of an ordinary user with subordinate ranges: the command's id is the caller's, all others come from the range. */
export function subordinateMap(
  command: { uid: number; gid: number },
  caller: { uid: number; gid: number },
  ranges: { uids: { start: number; count: number }; gids: { start: number; count: number } },
): IdMap {
  const rows = (own: number, outside: number, range: { start: number; count: number }): IdRow[] => {
    const count = Math.min(range.count, RANGE - 1)
    const below = Math.min(own, count)
    return [
      ...(below > 0 ? [{ inside: 0, outside: range.start, count: below }] : []),
      { inside: own, outside, count: 1 },
      ...(count > below ? [{ inside: own + 1, outside: range.start + below, count: count - below }] : []),
    ]
  }
  return {
    uids: rows(command.uid, caller.uid, ranges.uids),
    gids: rows(command.gid, caller.gid, ranges.gids),
    writer: 'newuidmap',
  }
}

/** The outside id of an inside one, or undefined when the map does not hold it. */
export function outsideId(rows: readonly IdRow[], inside: number): number | undefined {
  const row = rows.find((each) => inside >= each.inside && inside < each.inside + each.count)
  return row && row.outside + (inside - row.inside)
}

/** @throws InvalidInputError when an id cannot exist in the sandbox */
export function assertMapped(map: IdMap, user: { uid: number; gid: number }): void {
  for (const [kind, rows] of [
    ['uid', map.uids],
    ['gid', map.gids],
  ] as const) {
    if (outsideId(rows, user[kind]) !== undefined) continue
    const rule =
      map.writer === 'parent'
        ? `ids in a sandbox are 0 to ${RANGE - 1}`
        : 'the ids in a sandbox of an ordinary user are its own and those of /etc/subuid and /etc/subgid'
    throw new InvalidInputError(`user asks for ${kind} ${user[kind]}: ${rule}`, { field: 'user' })
  }
}

const text = (rows: readonly IdRow[]): string =>
  rows.map((row) => `${row.inside} ${row.outside} ${row.count}\n`).join('')

/** Writes the maps of a child from its parent; each is one write, as the kernel demands. */
export function idMapSteps(p: Program, child: Ref<Pid> | number, map: IdMap): void {
  p.because(
    'users',
    'The child’s ids: none of the host’s own, so that even its root is nobody here (user_namespaces(7))',
  )
  const path = typeof child === 'number' ? `/proc/${child}` : new DecimalPath('/proc/', child)
  const directory = p.openat('AT_FDCWD', path, ['O_PATH', 'O_DIRECTORY', 'O_CLOEXEC'])
  if (map.writer === 'single') {
    p.because('users', 'An unprivileged gid_map wants setgroups denied first (Linux 3.19, CVE-2014-8989)')
    writeSteps(p, directory, 'setgroups', 'deny')
  }
  p.because('users', 'One write a file: the kernel takes a map whole and only once')
  writeSteps(p, directory, 'uid_map', text(map.uids))
  writeSteps(p, directory, 'gid_map', text(map.gids))
  p.close(directory)
}

/** Writes a whole small file below a directory in one write(2). */
export function writeSteps(
  p: Program,
  directory: Ref<Fd> | number | 'AT_FDCWD',
  path: string,
  content: string | Uint8Array,
): void {
  const file = p.openat(directory, path, ['O_WRONLY', 'O_CLOEXEC'])
  p.write(file, content)
  p.close(file)
}

/** Makes the process the root of its user namespace, once the maps are there. */
export function becomeRootSteps(p: Program, map: IdMap, user: { uid: number; gid: number }): void {
  const [uid, gid] = map.writer === 'single' ? [user.uid, user.gid] : [0, 0]
  p.because('users', 'Until now the process had no id here: files that it makes need one')
  p.setresgid(gid, gid, gid)
  p.setresuid(uid, uid, uid)
}

/**
 * Becomes the user that a command runs as. Order: groups, gid, uid; each earlier one needs a capability that the last gives up
 * (runc 864d77dad).
 */
export function becomeUserSteps(
  p: Program,
  map: IdMap,
  user: { uid: number; gid: number; groups: readonly number[] },
): void {
  p.because('users', 'Groups, gid, uid in this order: the last gives up the right to the others')
  if (map.writer !== 'single') p.setgroups(user.groups)
  p.setresgid(user.gid, user.gid, user.gid)
  p.setresuid(user.uid, user.uid, user.uid)
}
