import { checkEach, checkList, checkWhole, fieldsOf, type Findings, need, refuse } from './fields.ts'
import type { IdMapping } from '../spec.ts'

const KEYS = ['containerID', 'hostID', 'size'] as const
/** UID_GID_MAP_MAX_EXTENTS since Linux 4.15, user_namespaces(7) */
const MOST_MAPPINGS = 340
/** 2^32-1, which is no id */
const NO_ID = 0xffff_ffff

/** A list of mappings, by the rules of user_namespaces(7) for `uid_map`. @throws InvalidInputError */
export function checkIdMappings(value: unknown, at: string, findings: Findings): void {
  checkList(value, at)
  if (value === undefined) return
  if (value.length > MOST_MAPPINGS) {
    refuse(at, `must have at most ${MOST_MAPPINGS} entries (user_namespaces(7)), not ${value.length}: join neighbours`)
  }
  checkEach(value, at, (each, where) => {
    const mapping = fieldsOf(each, where, KEYS, findings)
    for (const key of KEYS) {
      need(mapping, key, where, 'give containerID, hostID and size')
      checkWhole(mapping[key], `${where}/${key}`, key === 'size' ? 1 : 0, NO_ID)
    }
    checkEnd(mapping as unknown as IdMapping, where)
  })
  checkOverlap(value as readonly IdMapping[], at, 'containerID')
  checkOverlap(value as readonly IdMapping[], at, 'hostID')
}

function checkEnd({ containerID, hostID, size }: IdMapping, at: string): void {
  if (Math.max(containerID, hostID) + size > NO_ID) {
    refuse(
      `${at}/size`,
      `must not reach beyond id ${NO_ID - 1}: make it at most ${NO_ID - Math.max(containerID, hostID)}`,
    )
  }
}

function checkOverlap(mappings: readonly IdMapping[], at: string, side: 'containerID' | 'hostID'): void {
  const found = findOverlap(mappings.map((mapping) => ({ first: mapping[side], size: mapping.size })))
  if (!found) return
  refuse(
    `${at}/${found.index}/${side}`,
    `is in the range of entry ${found.other} too (user_namespaces(7)): let ranges not overlap`,
  )
}

/** The first range, by its ids, that begins in another one; both by their places in the list. */
export function findOverlap(
  ranges: readonly { readonly first: number; readonly size: number }[],
): { readonly index: number; readonly other: number } | undefined {
  const order = ranges.map((range, index) => ({ ...range, index })).sort((a, b) => a.first - b.first)
  for (const [place, { first, index }] of order.entries()) {
    const before = order[place - 1]
    if (before && before.first + before.size > first) return { index, other: before.index }
  }
  return undefined
}
