import { SyscallError } from '../../base/errors.ts'
import type { CgroupWrite } from '../../features/cgroups/plan-cgroups.ts'
import { openGroup } from '../../features/cgroups/group-steps.ts'
import { deviceRefusal, deviceSteps } from '../../features/devices/device-steps.ts'
import { DecimalPath } from '../../linux/decimal-path.ts'
import type { Fd, Pid, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import { LIMITS } from '../../protocol/wire.ts'
import { type About, explainFailure } from './explain-failure.ts'
import type { EnableWrite } from './enable-controllers.ts'
import type { GroupPlan, PlannedSpot } from './plan-group.ts'

/** How a process comes into groups: what the steps after `groupSteps` and `joinSteps` need. */
export interface GroupEntry {
  /** Directory of the v2 group, for `cloneStep`: the child is born in it */
  readonly cgroup: Ref<Fd> | undefined
  /** Steps for directly after the clone: whoever made the child leaves the groups that count it */
  settle(child: Ref<Pid>): void
  /** An error of these steps in words; others as they are */
  explain(error: unknown): unknown
}

/** Errors of a controller that a level does not hand down, where no limit depends on it. */
const NOT_HANDED_DOWN = ['ENOENT', 'EINVAL', 'EBUSY', 'EOPNOTSUPP', 'EACCES', 'EPERM', 'EROFS']

/**
 * Makes the groups of a plan, writes their limits, and has this process, of one thread, enter those of v1: what it makes then is born in
 * them. To be first in its program, while paths are the host's.
 */
export function groupSteps(p: Program, plan: Pick<GroupPlan, 'spots' | 'devices'>): GroupEntry {
  const steps = new GroupSteps(p)
  for (const spot of plan.spots) steps.make(spot)
  for (const spot of plan.spots) if (spot.version === 1) steps.enter(spot.directory, counts(spot) ? spot : undefined)
  const tree = plan.spots.find(({ version }) => version === 2)
  if (tree) steps.openTree(tree.directory, plan.devices)
  steps.end()
  return steps
}

/** Whether a process in it takes one of those that a container may have. */
const counts = ({ controllers }: Pick<PlannedSpot, 'controllers'>): boolean => controllers.includes('pids')

/** A spot whose files are written when the child is there: this process would count against the limit that it has to make the child under. */
interface Counting {
  readonly own: string | undefined
  readonly files: readonly CgroupWrite[]
}

/** Which steps are about what: from this one on, until the next. */
interface Note {
  readonly from: number
  readonly about: About | undefined
}

/** Adds the steps of groups to a program. Descriptors are not closed: whoever runs it is there for this program alone, and a child has none of them. */
export class GroupSteps implements GroupEntry {
  readonly #p: Program
  readonly #notes: Note[] = []
  readonly #later: ((child: Ref<Pid>) => void)[] = []
  #cgroup: Ref<Fd> | undefined

  constructor(p: Program) {
    this.#p = p
  }

  get cgroup(): Ref<Fd> | undefined {
    return this.#cgroup
  }

  settle(child: Ref<Pid>): void {
    this.end()
    this.#p.because('cgroups', 'The child is in its groups: whoever made it is not to be counted among its processes')
    for (const act of this.#later.splice(0)) act(child)
    this.end()
  }

  explain(error: unknown): unknown {
    if (!(error instanceof SyscallError)) return error
    const about = this.#notes.findLast(({ from }) => from <= error.step)?.about
    return about ? (deviceRefusal(error) ?? explainFailure(error, about)) : error
  }

  make(spot: PlannedSpot): void {
    const p = this.#p
    p.because('cgroups', 'The levels above the group, which others may have made and use')
    for (const directory of spot.above.slice(spot.known)) this.#mkdir(directory)
    for (const write of spot.levels) this.#write([write])
    for (const write of spot.enable) this.#enable(write)
    p.because('cgroups', 'A group of its own, with its limits written before anybody is in it')
    this.#mkdir(spot.directory)
    if (spot.version === 2 || !counts(spot)) for (const writes of sameFile(spot.files)) this.#write(writes)
  }

  /** Enters a v1 group: `0` in `tasks` does not wait for an RCU grace period, as everything in cgroup.procs does (Linux 5.5). */
  enter(directory: string, counting?: Counting): void {
    const p = this.#p
    const path = `${directory}/tasks`
    this.#about({ path, value: '0' })
    p.because('cgroups', 'Whatever is made from now on is born in this group: nothing escapes a limit')
    p.write(p.openat('AT_FDCWD', path, WRITING), '0')
    if (counting) this.#leaveLater(counting)
  }

  openTree(directory: string, devices: GroupPlan['devices'] = null): void {
    this.#about({ path: directory })
    this.#p.because('cgroups', 'The child is born in the v2 group (CLONE_INTO_CGROUP)')
    this.#cgroup = openGroup(this.#p, directory)
    if (devices) deviceSteps(this.#p, this.#cgroup, devices)
  }

  /** Puts the child into a group that has no room for whoever makes it, or that it must not be born in: slow, because it waits for an RCU grace period. */
  moveLater(directory: string): void {
    const path = `${directory}/cgroup.procs`
    this.#about({ path })
    const file = this.#p.openat('AT_FDCWD', path, WRITING)
    this.#later.push((child) => {
      this.#about({ path, value: 'the new process' })
      this.#p.syscall('write', file, new DecimalPath('', child), LIMITS.TEXT)
    })
  }

  /** The steps that follow are somebody else's. */
  end(): void {
    this.#notes.push({ from: this.#p.length, about: undefined })
  }

  /** Opened now: later paths may be another mount namespace's. */
  #leaveLater({ own, files }: Counting): void {
    const p = this.#p
    const limits = sameFile(files).map((writes) => [writes, this.#open(writes)] as const)
    const about = { path: `${own}/tasks`, value: '0' }
    this.#about(about)
    const tasks = own === undefined ? undefined : p.openat('AT_FDCWD', about.path, WRITING)
    this.#later.push(() => {
      this.#about(about)
      if (tasks) p.write(tasks, '0')
      for (const [writes, file] of limits) this.#writeTo(file, writes)
    })
  }

  #enable({ directory, controllers, needed }: EnableWrite): void {
    const p = this.#p
    const value = controllers.map((name) => `+${name}`).join(' ')
    const path = `${directory}/cgroup.subtree_control`
    const tolerated = needed ? [] : NOT_HANDED_DOWN
    this.#about({ path, value })
    p.because('cgroups', 'A group has only the controllers that the one above it gives to its children')
    const file = p.tolerate(...tolerated).openat('AT_FDCWD', path, WRITING)
    p.tolerate(...tolerated).write(file, value)
  }

  #mkdir(directory: string): void {
    this.#about({ path: directory })
    this.#p.tolerate('EEXIST').mkdirat('AT_FDCWD', directory, 0o755)
  }

  #write(writes: readonly CgroupWrite[]): void {
    this.#writeTo(this.#open(writes), writes)
  }

  #open(writes: readonly CgroupWrite[]): Ref<Fd> {
    const [first] = writes as readonly [CgroupWrite]
    this.#about(first)
    this.#p.because('cgroups', first.because)
    if (first.optional) this.#p.tolerate('ENOENT')
    return this.#p.openat('AT_FDCWD', first.path, WRITING)
  }

  /** One write(2) for each: the kernel takes every write as a whole command. */
  #writeTo(file: Ref<Fd>, writes: readonly CgroupWrite[]): void {
    for (const write of writes) {
      this.#about(write)
      this.#p.because('cgroups', write.because)
      // The disk has another scheduler than the file is for. Anything else is a limit that is there and would not hold.
      if (write.optional) this.#p.tolerate('EOPNOTSUPP')
      this.#p.write(file, write.value)
    }
  }

  #about(about: About): void {
    this.#notes.push({ from: this.#p.length, about })
  }
}

const WRITING = ['O_WRONLY', 'O_CLOEXEC'] as const

/** Writes that follow one another to one file: it is opened once for them. */
function sameFile(writes: readonly CgroupWrite[]): CgroupWrite[][] {
  const runs: CgroupWrite[][] = []
  for (const write of writes) {
    const last = runs.at(-1)
    if (last?.[0]?.path === write.path) last.push(write)
    else runs.push([write])
  }
  return runs
}
