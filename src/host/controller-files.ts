import { isInnerGroup } from './cgroup-context.ts'
import type { HostSource } from './source.ts'

/** Names of files that only the root of a v1 hierarchy has. */
const V1_ROOT_FILES = ['release_agent', 'cgroup.sane_behavior']

/**
 * Files that groups of a v1 controller have, by their prefix (`memory.`); undefined when the hierarchy has no group but its root,
 * which lacks some (cpu.cfs_quota_us) and has others of its own.
 */
export function readV1Files(source: HostSource, parent: string, name: string): readonly string[] | undefined {
  const names = source.names(parent) ?? []
  if (!names.some((file) => V1_ROOT_FILES.includes(file))) return withPrefix(names, name)
  const child = findChild(source, parent, names)
  return child === undefined ? undefined : withPrefix(source.names(child), name)
}

/**
 * The same on v2, of a group that has the controller: cpu.stat, io.pressure and others are in every group. `chain` begins at the mount.
 */
export function readV2Files(source: HostSource, chain: readonly string[], name: string): readonly string[] | undefined {
  const filesOf = (directory: string): readonly string[] | undefined =>
    source.text(`${directory}/cgroup.controllers`)?.trim().split(' ').includes(name)
      ? withPrefix(source.names(directory), name)
      : undefined
  for (const directory of chain.toReversed()) {
    const inner = isInnerGroup(source, directory)
    const group = inner ? directory : findChild(source, directory, source.names(directory) ?? [])
    const found = group === undefined ? undefined : filesOf(group)
    if (found) return found
  }
  return undefined
}

function withPrefix(names: readonly string[] | undefined, controller: string): readonly string[] | undefined {
  const files = names?.filter((file) => file.startsWith(`${controller}.`))
  return files?.length ? files : undefined
}

/** Nearly all files have a dot in their name and few groups do. */
function findChild(source: HostSource, directory: string, names: readonly string[]): string | undefined {
  const likely = [
    ...names.filter((name) => !name.includes('.')),
    ...names.filter((name) => /\.(?:slice|scope|service)$/.test(name)),
  ]
  return likely.map((name) => `${directory}/${name}`).find((path) => source.entry(path)?.kind === 'directory')
}
