import { checkAbsolute, checkBoolean, objectOf, pointerPart, refuse } from '../../bundle/config/fields.ts'
import { findOverlap } from '../../bundle/config/check-id-mappings.ts'
import { didYouMean } from '../../linux/nearest.ts'
import { type ContainerNamespace, type IdRange, NAMESPACE_NAMES, type NamespaceName } from './container-config.ts'
import { countOf, eachOf, pointerOf, type Section, section, textOf } from './section.ts'

/** 2^32-1, which is no id */
const NO_ID = 0xffff_ffff

/** The `CLONE_` flag without its family by name, as in container.json. @throws InvalidInputError naming the nearest */
export function getNamespace(name: unknown, at: string): NamespaceName {
  const found = NAMESPACE_NAMES.find((each) => each === name)
  if (found) return found
  const guess = didYouMean(name, NAMESPACE_NAMES) || `: use ${NAMESPACE_NAMES.join(', ')}`
  return refuse(at, `is no namespace that container.json knows: ${JSON.stringify(name)}${guess}`)
}

/** `namespaces`: a map of names to true and false, or a list of `{type, path}`. In an order of their own. @throws InvalidInputError */
export function readNamespaces(value: unknown, at: string): readonly ContainerNamespace[] {
  if (value === undefined) return []
  const found = Array.isArray(value) ? fromList(value, at) : fromMap(value, at)
  return NAMESPACE_NAMES.flatMap((type) => found.get(type) ?? [])
}

type Found = ReadonlyMap<NamespaceName, ContainerNamespace>

function fromMap(value: unknown, at: string): Found {
  const found = new Map<NamespaceName, ContainerNamespace>()
  for (const [key, isNew] of Object.entries(objectOf(value, at))) {
    const where = `${at}/${pointerPart(key)}`
    const type = getNamespace(key, where)
    checkBoolean(isNew, where)
    if (isNew === true) found.set(type, { type })
  }
  return found
}

function fromList(value: readonly unknown[], at: string): Found {
  const found = new Map<NamespaceName, ContainerNamespace>()
  value.forEach((each, index) => {
    const entry = section(each, `${at}/${index}`, ['type', 'path'])
    const type = getNamespace(entry.fields['type'], pointerOf(entry, 'type'))
    const path = textOf(entry, 'path')
    checkAbsolute(path, pointerOf(entry, 'path'))
    if (found.has(type)) refuse(pointerOf(entry, 'type'), `is ${type} for the second time: keep one`)
    if (type === 'NEWNS' && path !== undefined) {
      refuse(pointerOf(entry, 'path'), 'would change the mounts of others: take it out; nsinit nsenter joins mounts')
    }
    found.set(type, path === undefined ? { type } : { type, path })
  })
  return found
}

/** `uid_mappings` and `gid_mappings`; the range that a Go program left out begins at 0. @throws InvalidInputError */
export function readIdRanges(from: Section, key: string): readonly IdRange[] | undefined {
  const ranges = eachOf(from, key, (value, at): IdRange => {
    const entry = section(value, at, ['container_id', 'host_id', 'size'])
    const containerId = countOf(entry, 'container_id', 0, NO_ID - 1)
    const hostId = countOf(entry, 'host_id', 0, NO_ID - 1)
    const size = countOf(entry, 'size', 0, NO_ID)
    if (size === 0) refuse(pointerOf(entry, 'size'), 'is missing: say how many ids follow, 1 for one')
    if (Math.max(containerId, hostId) + size > NO_ID) {
      refuse(pointerOf(entry, 'size'), `must not reach beyond id ${NO_ID - 1}: make it smaller`)
    }
    return { containerId, hostId, size }
  })
  for (const side of ['containerId', 'hostId'] as const) checkOverlap(ranges, pointerOf(from, key), side)
  return ranges.length === 0 ? undefined : ranges
}

function checkOverlap(ranges: readonly IdRange[], at: string, side: 'containerId' | 'hostId'): void {
  const found = findOverlap(ranges.map((range) => ({ first: range[side], size: range.size })))
  if (!found) return
  refuse(
    `${at}/${found.index}`,
    `has ids that entry ${found.other} has too (user_namespaces(7)): let ranges not overlap`,
  )
}
