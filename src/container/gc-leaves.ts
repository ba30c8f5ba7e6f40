import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { CgroupFacts } from '../host/facts.ts'
import { LEAF } from '../host/v2-reach.ts'

/** Leaves that processes of this user's were moved to and have left since: a group either holds processes or has groups below it. */
export function emptyLeaves(facts: CgroupFacts): readonly string[] {
  const { unified } = facts
  if (!unified) return []
  const parents = new Set([unified.parent, ...(unified.own === undefined ? [] : [unified.own])])
  return [...parents]
    .map((parent) => (basename(parent) === LEAF ? parent : `${parent}/${LEAF}`))
    .filter((leaf) => /^populated 0$/m.test(textOf(`${leaf}/cgroup.events`) ?? ''))
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
