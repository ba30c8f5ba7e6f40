import { InvalidInputError, StateError, SyscallError } from '../base/errors.ts'
import { checkGroupName } from '../features/cgroups/group-name.ts'
import type { GroupPlace } from '../features/cgroups/group-place.ts'
import type { CgroupFacts, Controller } from '../host/facts.ts'
import { quote } from '../linux/c-string.ts'
import type { Caller } from '../process/caller.ts'
import { GroupProgram } from './group-program.ts'
import { readFiles } from './read-files.ts'

/** Directories in which groups are made, with the controllers that each is for. */
export function parentsOf({ controllers, unified }: CgroupFacts): GroupPlace[] {
  const parents = new Map<string, GroupPlace>()
  if (unified) parents.set(unified.parent, { directory: unified.parent, version: 2, controllers: [] })
  for (const [name, { parent, version }] of Object.entries(controllers)) {
    const place = parents.get(parent) ?? { directory: parent, version, controllers: [] }
    parents.set(parent, { ...place, controllers: [...place.controllers, name as Controller] })
  }
  return [...parents.values()]
}

/** Where a group of this name is, or would be, in every hierarchy. @throws InvalidInputError */
export function placesNamed(facts: CgroupFacts, names: string | readonly string[]): GroupPlace[] {
  const path = checkGroupName(names).join('/')
  return parentsOf(facts).map((parent) => ({ ...parent, directory: `${parent.directory}/${path}` }))
}

/**
 * Those of the places that exist, with the controllers that they have.
 * @throws SyscallError ENOENT when none does
 */
export async function findExisting(caller: Caller, places: readonly GroupPlace[]): Promise<GroupPlace[]> {
  const existing = await existingOf(caller, places)
  if (existing.length > 0) return existing
  throw noSuchGroup(places[0]?.directory ?? '')
}

/** The places, all of which exist. @throws SyscallError ENOENT naming one that does not; InvalidInputError */
export async function assertExisting(caller: Caller, places: readonly GroupPlace[]): Promise<void> {
  places.forEach(({ directory }, index) => checkDirectory(directory, `places[${index}].directory`))
  if (places.length === 0)
    throw new InvalidInputError('places is empty: a group is at one place at least', { field: 'places' })
  const existing = new Set((await existingOf(caller, places)).map(({ directory }) => directory))
  const gone = places.find(({ directory }) => !existing.has(directory))
  if (gone) throw noSuchGroup(gone.directory)
}

async function existingOf(caller: Caller, places: readonly GroupPlace[]): Promise<GroupPlace[]> {
  const program = new GroupProgram()
  const opened = places.map(({ directory }) =>
    program.about(directory, undefined, (p) => {
      const fd = p.tolerate('ENOENT', 'ENODEV').openat('AT_FDCWD', directory, ['O_PATH', 'O_DIRECTORY', 'O_CLOEXEC'])
      p.close(fd)
      return fd
    }),
  )
  const result = await program.run(caller)
  const existing = places.filter((_, index) => {
    const ref = opened[index]
    return ref !== undefined && result.get(ref) >= 0
  })
  return withControllers(caller, existing)
}

/** A v2 group has the controllers that the one above gives to it, and no others. */
async function withControllers(caller: Caller, places: readonly GroupPlace[]): Promise<GroupPlace[]> {
  const files = places.filter(({ version }) => version === 2).map(({ directory }) => `${directory}/cgroup.controllers`)
  const texts = files.length > 0 ? await readFiles(caller, files) : new Map<string, string | null>()
  return places.map((place) => {
    const has = texts.get(`${place.directory}/cgroup.controllers`)?.trim().split(' ')
    return has ? { ...place, controllers: place.controllers.filter((controller) => has.includes(controller)) } : place
  })
}

/** The error of a group that does not exist. */
export function noSuchGroup(directory: string): SyscallError {
  const args = `AT_FDCWD, ${quote(directory)}, O_PATH|O_DIRECTORY|O_CLOEXEC`
  return new SyscallError({
    call: 'openat',
    args,
    errno: 'ENOENT',
    step: 0,
    steps: 1,
    because: 'there is no such group',
  })
}

/** An absolute path without detours. @throws InvalidInputError */
export function checkDirectory(directory: unknown, field: string): void {
  const names = typeof directory === 'string' ? directory.split('/').slice(1) : []
  const isPath = typeof directory === 'string' && directory.startsWith('/') && !directory.includes('\0')
  if (isPath && names.length > 0 && !names.some((name) => name === '' || name === '.' || name === '..')) return
  throw new InvalidInputError(`${field} must be an absolute path without "." and ".."`, { field })
}

/** The places of a controller, all of them for ''. @throws StateError when the group is in none */
export function placesOf(places: readonly GroupPlace[], controller: Controller | ''): readonly GroupPlace[] {
  const found = controller === '' ? places : places.filter(({ controllers }) => controllers.includes(controller))
  if (found.length > 0) return found
  throw new StateError(`The group is in no hierarchy with the controller ${JSON.stringify(controller)}`, {
    state: places.flatMap(({ controllers }) => controllers).join(', '),
    wanted: controller,
  })
}
