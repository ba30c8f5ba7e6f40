import type { HostFacts, IdRange } from './facts.ts'
import type { HostSource } from './source.ts'
import { findTool } from './tools.ts'

/** Ranges that newuidmap(1) and newgidmap(1) would grant to this user, subuid(5). */
export function readSubordinate(source: HostSource, uid: number): HostFacts['subordinate'] {
  const uids = source.text('/etc/subuid')
  const gids = source.text('/etc/subgid')
  const owners = uids || gids ? ownersOf(source, uid) : []
  return {
    newuidmap: findTool(source, 'newuidmap'),
    newgidmap: findTool(source, 'newgidmap'),
    uids: parseRanges(uids ?? '', owners),
    // subgid(5): group ranges belong to users too, not to groups.
    gids: parseRanges(gids ?? '', owners),
  }
}

/** subuid(5) names an owner by login name or by user id. */
function ownersOf(source: HostSource, uid: number): string[] {
  const lines = (source.text('/etc/passwd') ?? '').split('\n').map((line) => line.split(':'))
  return [String(uid), ...lines.flatMap(([name, , id]) => (name && id === String(uid) ? [name] : []))]
}

function parseRanges(text: string, owners: readonly string[]): IdRange[] {
  return text.split('\n').flatMap((line) => {
    const [owner, start, count] = line.trim().split(':')
    if (owner === undefined || !owners.includes(owner)) return []
    const range = { start: Number(start), count: Number(count) }
    return Number.isSafeInteger(range.start) && range.count > 0 ? [range] : []
  })
}
