import { InvalidInputError } from '../../base/errors.ts'
import { didYouMean } from '../../linux/nearest.ts'

/** A user in the numbers of the container. */
export interface ResolvedUser {
  readonly uid: number
  readonly gid: number
  /** Supplementary groups, without `gid` */
  readonly groups: readonly number[]
}

const FIELD = '/user'
/** 2^32-1 is no id */
const MOST_ID = 0xffff_fffe

/**
 * The numbers of `name`, `uid`, or either with `:group`, by the texts of a container's /etc/passwd and /etc/group (passwd(5), group(5)). A
 * number need not be in them: it then has group 0. Supplementary groups are those that list the user, and none where a group is named.
 * @throws InvalidInputError for a name that is in neither
 */
export function resolveUser(user: string, passwd: string, group: string): ResolvedUser {
  const colon = user.indexOf(':')
  const [wanted, wantedGroup] = colon < 0 ? [user, ''] : [user.slice(0, colon), user.slice(colon + 1)]
  const { name, uid, gid } = findUser(wanted === '' ? '0' : wanted, passwd)
  const groups = groupsIn(group)
  if (wantedGroup !== '') return { uid, gid: findGroup(wantedGroup, groups), groups: [] }
  const own = name === undefined ? [] : groups.filter(({ members }) => members.includes(name)).map((each) => each.gid)
  return { uid, gid, groups: [...new Set(own)].filter((each) => each !== gid) }
}

function findUser(wanted: string, passwd: string): { name?: string; uid: number; gid: number } {
  const users = linesOf(passwd).flatMap(([name = '', , uid, gid]) => {
    const ids = [idOf(uid), idOf(gid)] as const
    return ids[0] === undefined || ids[1] === undefined ? [] : [{ name, uid: ids[0], gid: ids[1] }]
  })
  const number = idOf(wanted)
  const found = users.find(({ name, uid }) => (number === undefined ? name === wanted : uid === number))
  if (found) return found
  if (number !== undefined) return { uid: number, gid: 0 }
  // A root without lists, one static program alone, has no other user.
  if (wanted === 'root' && users.length === 0) return { uid: 0, gid: 0 }
  const names = users.map(({ name }) => name)
  return refuse('user', wanted, { file: '/etc/passwd', names })
}

interface Group {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}

function findGroup(wanted: string, groups: readonly Group[]): number {
  const number = idOf(wanted)
  const found = number ?? groups.find(({ name }) => name === wanted)?.gid
  return found ?? refuse('group', wanted, { file: '/etc/group', names: groups.map(({ name }) => name) })
}

const groupsIn = (text: string): readonly Group[] =>
  linesOf(text).flatMap(([name = '', , id, members = '']) => {
    const gid = idOf(id)
    return gid === undefined ? [] : [{ name, gid, members: members.split(',') }]
  })

const linesOf = (text: string): readonly string[][] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'))

function idOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined
  const id = Number(text)
  return id <= MOST_ID ? id : undefined
}

function refuse(what: string, wanted: string, { file, names }: { file: string; names: readonly string[] }): never {
  const guess = didYouMean(wanted, names) || `: give a number, or add it there`
  const message = `${FIELD} names a ${what} that is not in the container’s ${file}: ${JSON.stringify(wanted)}${guess}`
  throw new InvalidInputError(message, { field: FIELD })
}
