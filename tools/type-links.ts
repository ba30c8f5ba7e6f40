import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConstantSet } from '../src/linux/constant-set.ts'
import { CONSTANTS } from '../src/linux/constants.ts'
import type { Struct } from '../src/linux/struct.ts'
import { STRUCTS } from '../src/linux/structs/index.ts'
import { type Declaration, declarationsOf } from './declarations.ts'
import { projectFiles, ROOT } from './project-files.ts'

/** Name of the type of a set of constants, and the group that it is in. */
export const GROUP_OF_TYPE: ReadonlyMap<string, string> = new Map(
  Object.entries(CONSTANTS).flatMap(([group, sets]) =>
    (sets as readonly ConstantSet[]).map((set): [string, string] => [set.name, group]),
  ),
)

/** Exported declarations of a folder of src/ that are written by hand, by name. */
export function declarationsIn(folder: string): ReadonlyMap<string, Declaration> {
  const files = projectFiles(folder).filter((path) => /^[^.]*\.ts$/.test(path) && !path.includes('/generated/'))
  const all = files.flatMap((file) => declarationsOf(readFileSync(join(ROOT, file), 'utf8')))
  return new Map(all.map((each) => [each.name, each]))
}

const TYPES = new Set(['class', 'interface', 'type'])
const HANDMADE = new Map([...declarationsIn('src/linux')].filter(([, { kind }]) => TYPES.has(kind)))
const BY_TYPE: ReadonlyMap<string, Struct> = new Map(
  Object.values(STRUCTS).flatMap((struct): [string, Struct][] => [
    [struct.typeName, struct],
    [`${struct.typeName}Decoded`, struct],
  ]),
)

/** Names of types in the text of a type. */
export const namesIn = (type: string): readonly string[] => [...new Set(type.match(/\b[A-Z]\w+/g) ?? [])]

/** The struct that a type of a signature stands for. */
export const structOf = (type: string): Struct | undefined =>
  namesIn(type).flatMap((name) => BY_TYPE.get(name) ?? [])[0]

/** Types that are written by hand and stand in these texts, and those that they are made of. */
export function handmadeIn(types: readonly string[]): readonly Declaration[] {
  const found = new Map<string, Declaration>()
  const visit = (name: string): void => {
    const declaration = HANDMADE.get(name)
    if (!declaration || found.has(name) || GROUP_OF_TYPE.has(name)) return
    found.set(name, declaration)
    if (declaration.kind !== 'class') namesIn(declaration.text).forEach(visit)
  }
  types.flatMap(namesIn).forEach(visit)
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Where the types in a text are explained: links relative to docs/reference/calls/. */
export function linksOfType(type: string): readonly string[] {
  return namesIn(type).flatMap((name) => {
    const group = GROUP_OF_TYPE.get(name)
    if (group !== undefined) return [`[${name}](../constants/${group}.md)`]
    return HANDMADE.has(name) && !BY_TYPE.has(name) ? [`[${name}](../types.md#${name.toLowerCase()})`] : []
  })
}
