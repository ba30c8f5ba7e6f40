import { InvalidInputError, StateError } from '../../base/errors.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Program } from '../../program/builder.ts'
import { GroupSteps, type GroupEntry } from './group-steps.ts'
import { exists } from './group-spot.ts'
import { controllerOf, readMemberships } from './hierarchies.ts'
import { ownDirectory } from './own-directory.ts'
import { readGroupFile } from './processes.ts'

export interface JoinOptions {
  /** Words of `exec --cgroup`: `/sub`, or `cpu,memory:/sub` for some v1 controllers */
  readonly paths?: readonly string[]
  /** First process of the container: where it is when the group itself gives controllers to groups below and takes no process */
  readonly pid: number
}

/**
 * Has this process, of one thread, enter the groups of a live container, so that what it makes is born in them. To be first in its program.
 * @throws InvalidInputError for a path that leads out, StateError when a group is not there
 */
export function joinSteps(
  kernel: Kernel,
  p: Program,
  places: readonly GroupPlace[],
  { paths = [], pid }: JoinOptions,
): GroupEntry {
  const steps = new GroupSteps(p)
  const subs = paths.map(parseSub)
  for (const place of places) {
    const sub = subs.findLast((each) => applies(each, place))?.path ?? ''
    const directory = sub === '' ? place.directory : `${place.directory}/${sub}`
    if (!exists(kernel, `${directory}/cgroup.procs`)) throw noGroup(directory)
    if (place.version === 2) {
      steps.openTree(sub === '' ? placeOfProcesses(kernel, place, pid) : directory)
    } else if (!place.controllers.includes('pids')) steps.enter(directory)
    else if (hasRoomForTwo(kernel, directory)) steps.enter(directory, { own: ownDirectory(kernel, place), files: [] })
    else steps.moveLater(directory)
  }
  steps.end()
  return steps
}

interface Sub {
  /** Empty: all */
  readonly controllers: readonly string[]
  readonly path: string
}

function parseSub(word: string): Sub {
  const cut = word.indexOf(':')
  const path = word.slice(cut + 1)
  const segments = path.split('/').filter((segment) => segment !== '')
  if (segments.some((segment) => segment === '.' || segment === '..' || segment.includes('\0'))) {
    throw new InvalidInputError(`--cgroup must name a group below the container's, not ${JSON.stringify(path)}`, {
      field: '--cgroup',
    })
  }
  const controllers = cut <= 0 ? [] : word.slice(0, cut).split(',')
  const stranger = controllers.find((name) => controllerOf(name).length === 0)
  if (stranger !== undefined) {
    throw new InvalidInputError(`--cgroup names ${JSON.stringify(stranger)}, which is no controller`, {
      field: '--cgroup',
    })
  }
  return { controllers, path: segments.join('/') }
}

const applies = ({ controllers }: Sub, place: GroupPlace): boolean =>
  controllers.length === 0 || controllers.flatMap(controllerOf).some((name) => place.controllers.includes(name))

const noGroup = (directory: string): StateError =>
  new StateError(`There is no group ${directory} to enter`, { state: 'gone', wanted: 'a group' })

/** A systemd in the container moves everything into groups below and has the group itself give controllers to those. */
function placeOfProcesses(kernel: Kernel, { directory }: GroupPlace, pid: number): string {
  const given = readGroupFile(kernel, `${directory}/cgroup.subtree_control`)?.trim() ?? ''
  if (given === '') return directory
  const path = readMemberships(kernel, pid).find(({ version }) => version === 2)?.path ?? ''
  // Both as this process sees them: what follows the container's own path is below its directory.
  const name = directory.slice(directory.lastIndexOf('/'))
  const at = path.lastIndexOf(`${name}/`)
  const below = at < 0 ? '' : path.slice(at + name.length)
  return exists(kernel, `${directory}${below}/cgroup.procs`) ? directory + below : directory
}

/** The process that makes another one counts too, until it has left. */
function hasRoomForTwo(kernel: Kernel, directory: string): boolean {
  const limit = readGroupFile(kernel, `${directory}/pids.max`)?.trim() ?? 'max'
  if (limit === 'max') return true
  return Number(readGroupFile(kernel, `${directory}/pids.current`)) + 2 <= Number(limit)
}
