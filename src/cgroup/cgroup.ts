import { InvalidInputError, UnsupportedError } from '../base/errors.ts'
import type { NotApplied } from '../features/cgroups/find-refusal.ts'
import { checkGroupName } from '../features/cgroups/group-name.ts'
import type { GroupPlace } from '../features/cgroups/group-place.ts'
import { joinSteps } from '../features/cgroups/group-steps.ts'
import { type CgroupPlan, planCgroups, type PlanCgroupsOptions } from '../features/cgroups/plan-cgroups.ts'
import { requireApplied } from '../features/cgroups/require-applied.ts'
import type { Resources } from '../features/cgroups/resources.ts'
import {
  STATISTICS_KINDS,
  type StatisticsFile,
  statisticsFiles,
  type StatisticsKind,
} from '../features/cgroups/readings/statistics-files.ts'
import type { Statistics } from '../features/cgroups/readings/statistics.ts'
import type { CgroupFacts, Controller } from '../host/facts.ts'
import type { CallOptions } from '../linux/call-options.ts'
import type { Flags } from '../linux/flags.ts'
import type { CloneFlag } from '../linux/tables/clone.ts'
import type { Signal } from '../linux/tables/signals.ts'
import { Agent } from '../process/agent.ts'
import type { Caller } from '../process/caller.ts'
import type { ExecOptions, PipedExecOptions } from '../process/exec.ts'
import type { PipedProcess, Process } from '../process/process.ts'
import { directoriesBelow } from './below.ts'
import { forkInto } from './birth.ts'
import { factsBelow, factsOf, forgetFacts, noteFacts } from './caller-facts.ts'
import { destroyGroup, type DestroyOptions } from './destroy.ts'
import { assertExisting, findExisting, parentsOf, placesNamed, placesOf } from './find-group.ts'
import { freezeGroup, thawGroup } from './freeze.ts'
import { getFile, setFile } from './group-files.ts'
import { GroupProgram } from './group-program.ts'
import { GroupWatch } from './group-watch.ts'
import { killGroup, signalGroup } from './kill.ts'
import { cleanUpProgram, makeGroup } from './make-group.ts'
import { type MembersOptions, readProcesses, readThreads } from './members.ts'
import { emptyOwnGroup } from './own-group.ts'
import { readStatistics, TABLE_KINDS } from './read-statistics.ts'
import { updateGroup, type UpdateOptions } from './update-group.ts'

/** How a group is made. */
export interface CreateOptions extends Pick<PlanCgroupsOptions, 'account' | 'all'>, Pick<CallOptions, 'signal'> {
  /** Leaves out what this host cannot enforce; it is in `notApplied` then */
  readonly bestEffort?: boolean
  /** The group in which the new one is made; default: below the caller's own group, where that is possible */
  readonly parent?: Cgroup
  /** Where groups can be made; default: what the caller sees, read once */
  readonly facts?: CgroupFacts
  /** The group stays when the caller's process ends; default: it goes with it, and whatever is in it is killed */
  readonly detached?: boolean
}

/** What is known of a group besides its places. */
interface Known {
  readonly names: readonly string[]
  readonly notApplied: readonly NotApplied[]
  readonly shared: readonly string[]
  readonly cleanUpKey: number | undefined
}

/** A group and the groups below it, as `list` walks them. */
export interface ListedGroup {
  /** Levels below the group that was asked for; none for that one itself */
  readonly names: readonly string[]
  readonly places: readonly GroupPlace[]
}

/** Keys of clean-up programs: far from those that sandboxes of the same process use. */
let nextKey = 0x4000_0000

/**
 * A live group of processes, in every hierarchy that it has a directory in. All that is done to its files is done by programs in the
 * process that it was made with, as that process sees them. It goes with that process unless it was detached.
 */
export class Cgroup implements AsyncDisposable {
  readonly caller: Caller
  /** One directory on v2, one per hierarchy on v1 */
  readonly places: readonly GroupPlace[]
  readonly #known: Known
  #isRemoved = false

  private constructor(caller: Caller, places: readonly GroupPlace[], known: Partial<Known> & Pick<Known, 'names'>) {
    this.caller = caller
    this.places = places
    this.#known = { notApplied: [], shared: [], cleanUpKey: undefined, ...known }
  }

  /**
   * Makes a group and writes its limits, in one message: all of it, or nothing. What this host cannot enforce is refused.
   * @param names its name, or a level each: those above the last are made as far as they are missing, and others may use them too
   * @throws InvalidInputError, UnsupportedError naming the limit; SyscallError with file, value and reason (EEXIST: there is such a group)
   */
  static async create(
    caller: Caller,
    names: string | readonly string[],
    resources: Resources = {},
    options: CreateOptions = {},
  ): Promise<Cgroup> {
    options.signal?.throwIfAborted()
    const own = options.facts ?? (await factsOf(caller))
    const facts = options.parent ? await factsBelow(caller, own, options.parent.places) : own
    const { account = [], all = false } = options
    const plan = planCgroups(resources, facts, { name: names, kill: true, account, all })
    if (!options.bestEffort) requireApplied(plan)
    assertPlaced(plan, facts)
    if (plan.vacate) noteFacts(caller, await emptyOwnGroup(caller, own))
    const cleanUpKey = options.detached ? undefined : registerCleanUp(caller, plan)
    try {
      const notApplied = await makeGroup(caller, plan, options.bestEffort)
      const places = plan.groups.filter(({ shared }) => !shared)
      const shared = plan.groups.filter((group) => group.shared).map(({ directory }) => directory)
      return new Cgroup(caller, places.map(placeOf), {
        names: [...(options.parent?.names ?? []), ...checkGroupName(names)],
        notApplied: [...plan.notApplied, ...notApplied],
        shared: shared.reverse(),
        cleanUpKey,
      })
    } catch (error) {
      if (cleanUpKey !== undefined) forgetCleanUp(caller, cleanUpKey)
      forgetFacts(caller)
      throw error
    }
  }

  /**
   * A group that is there, by its name in the places where this process makes groups, or by its places.
   * @throws SyscallError ENOENT when it is in no hierarchy, or not at one of the places; InvalidInputError
   */
  static async open(caller: Caller, group: string | readonly string[] | readonly GroupPlace[]): Promise<Cgroup> {
    if (arePlaces(group)) {
      await assertExisting(caller, group)
      const [first] = group
      return new Cgroup(caller, group.map(placeOf), { names: first ? first.directory.split('/').slice(-1) : [] })
    }
    const places = await findExisting(caller, placesNamed(await factsOf(caller), group))
    return new Cgroup(caller, places, { names: checkGroupName(group) })
  }

  /**
   * A group, and all groups below it in any hierarchy, those above before those below them. Without a name: the groups in the places where
   * this process makes groups.
   * @throws SyscallError ENOENT
   */
  static async list(
    caller: Caller,
    group: string | readonly string[] | readonly GroupPlace[] = [],
  ): Promise<ListedGroup[]> {
    const places = group.length === 0 ? parentsOf(await factsOf(caller)) : (await Cgroup.open(caller, group)).places
    const found = new Map<string, GroupPlace[]>([['', [...places]]])
    for (const place of places) {
      for (const directory of await directoriesBelow(caller, [place.directory])) {
        const name = directory.slice(place.directory.length + 1)
        found.set(name, [...(found.get(name) ?? []), { ...place, directory }])
      }
    }
    return [...found].map(([name, at]) => ({ names: name === '' ? [] : name.split('/'), places: at })).sort(byDepth)
  }

  /**
   * What some groups use, in one pass: all are asked before the first answers. A group that is gone has no statistics.
   * @param kinds default: `cpu`, `memory`, `pids` and `io`, as each kind costs every group some reads
   */
  static statistics(
    caller: Caller,
    groups: readonly Cgroup[],
    kinds: readonly StatisticsKind[] = TABLE_KINDS,
  ): Promise<Statistics[]> {
    return readStatistics(caller, groups, kinds)
  }

  /** Its name, a level each */
  get names(): readonly string[] {
    return this.#known.names
  }

  /** What was asked for and cannot be enforced here; empty unless it was made with `bestEffort` */
  get notApplied(): readonly NotApplied[] {
    return this.#known.notApplied
  }

  get directories(): readonly string[] {
    return this.places.map(({ directory }) => directory)
  }

  /**
   * Puts a whole process into the group, in every hierarchy; one that a hierarchy refuses stays in those before it.
   * @param pid as the caller's process numbers it
   * @throws SyscallError ESRCH, EBUSY, …; InvalidInputError
   */
  async add(pid: number): Promise<void> {
    if (!Number.isInteger(pid) || pid < 1) {
      throw new InvalidInputError(`pid must be a whole number from 1 on, not ${String(pid)}`, { field: 'pid' })
    }
    const program = new GroupProgram()
    for (const { directory, version } of this.places) {
      const path = `${directory}/cgroup.procs`
      program.about(path, String(pid), (p) => joinSteps(p, { join: [{ directory, version, path }] }, pid))
    }
    await program.run(this.caller)
    // It may have other places to make groups in now.
    if (this.caller instanceof Agent && [this.caller.pid, this.caller.hostPid].includes(pid)) forgetFacts(this.caller)
  }

  /** Processes in it, as the caller's process numbers them; 0 stands for those that it does not see. @throws SyscallError */
  processes(options?: MembersOptions): Promise<number[]> {
    return readProcesses(this.caller, this.places, options)
  }

  /** The same for threads. @throws SyscallError */
  threads(options?: MembersOptions): Promise<number[]> {
    return readThreads(this.caller, this.places, options)
  }

  /**
   * Writes a value by one write(2).
   * @param controller by its name on v2 (`io`, not blkio); '' writes to every hierarchy that has the file
   * @throws SyscallError with file, value and reason, the first if there are several: ENOENT when there is no such file or group; StateError
   *   when the group is in no hierarchy with the controller; InvalidInputError
   */
  async set(controller: Controller | '', file: string, value: string | number): Promise<void> {
    await setFile(this.caller, placesOf(this.places, controller), file, value)
  }

  /** What a file says; for '' that of the first hierarchy that has it. @throws SyscallError ENOENT, StateError, InvalidInputError */
  async get(controller: Controller | '', file: string): Promise<string> {
    return getFile(this.caller, placesOf(this.places, controller), file)
  }

  /**
   * Changes what it may use: only what is named. Gives what cannot be enforced, which is refused unless `bestEffort`.
   * @throws InvalidInputError, UnsupportedError; SyscallError with file, value and reason
   */
  async update(resources: Resources, options: UpdateOptions = {}): Promise<readonly NotApplied[]> {
    return updateGroup(this.caller, this.places, await factsOf(this.caller), { ...options, resources })
  }

  /** What it uses, all of it or some kinds. @throws SyscallError ENOENT when it is gone */
  async statistics(kinds: readonly StatisticsKind[] = STATISTICS_KINDS): Promise<Statistics> {
    const [statistics = {}] = await readStatistics(this.caller, [this], kinds)
    if (Object.keys(statistics).length === 0) await assertExisting(this.caller, this.places)
    return statistics
  }

  /** The files that `statistics` reads, as far as this kernel has them. */
  statisticsFiles(kinds?: readonly StatisticsKind[]): StatisticsFile[] {
    return statisticsFiles(this.places, kinds)
  }

  /**
   * Stops every process in it and in groups below it; resolves when all stand still. A group that does not in time is thawed.
   * @throws UnsupportedError, SyscallError, TimeoutError (default: 5 s), the signal's reason
   */
  freeze(options: CallOptions = {}): Promise<void> {
    return freezeGroup(this.caller, this.places, options)
  }

  /** Lets them run again. @throws SyscallError */
  thaw(): Promise<void> {
    return thawGroup(this.caller, this.places)
  }

  /**
   * Ends every process in it and in groups below it, and waits until none is left. With another signal than SIGKILL it only sends that, to
   * all of them, and waits for nothing.
   * @throws TimeoutError naming who is left after `timeoutMs` (default: 5 s); SyscallError, the signal's reason
   */
  async kill(signal: Signal | number = 'SIGKILL', options: CallOptions = {}): Promise<void> {
    if (signal === 'SIGKILL' || signal === 9) await killGroup(this.caller, this.places, options)
    else await signalGroup(this.caller, this.places, signal)
  }

  /**
   * What happens to it from now on, without asking again and again: `for await (const { kind } of group.watch())`. It ends after `gone`, when
   * the loop is left, or when the signal aborts.
   */
  watch(options: { readonly signal?: AbortSignal } = {}): GroupWatch {
    return new GroupWatch(this.caller, this.places, options)
  }

  /**
   * Makes a child that is in the group before it does anything.
   * @param parent default: the process that the group was made with
   * @throws SyscallError, StateError
   */
  fork(parent: Caller = this.caller, flags: Flags<CloneFlag> = []): Promise<Agent> {
    if (parent instanceof Agent) return forkInto(this, parent, flags)
    throw new InvalidInputError('parent must be an agent: other callers make no children', { field: 'parent' })
  }

  /** Executes a program in a child that is in the group before the program begins. @throws SyscallError, StateError, InvalidInputError */
  exec(path: string, argv?: readonly string[], options?: PipedExecOptions): Promise<PipedProcess>
  exec(path: string, argv?: readonly string[], options?: ExecOptions): Promise<Process>
  async exec(path: string, argv: readonly string[] = [path], options: ExecOptions = {}): Promise<Process> {
    const child = await this.fork()
    try {
      return await child.exec(path, argv, options)
    } catch (error) {
      await child.close()
      throw error
    }
  }

  /**
   * Removes it from every hierarchy, with the groups below it, and levels above it that nobody uses any more. Resolves when it is gone; once
   * more does nothing.
   * @throws StateError naming the processes that live in it, unless they are to be killed; SyscallError, TimeoutError (default: 5 s)
   */
  async destroy(options: DestroyOptions = {}): Promise<void> {
    // Another one may have its name by now.
    if (this.#isRemoved) return
    const { shared, cleanUpKey } = this.#known
    await destroyGroup(this.caller, { places: this.places, shared }, options)
    this.#isRemoved = true
    if (cleanUpKey !== undefined) forgetCleanUp(this.caller, cleanUpKey)
  }

  /** Kills what is in it and removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    // It went with the process that it was made with.
    if (this.#known.cleanUpKey !== undefined && this.caller instanceof Agent && this.caller.hostPid === undefined)
      return
    await this.destroy({ kill: true })
  }
}

const placeOf = ({ directory, version, controllers }: GroupPlace): GroupPlace => ({ directory, version, controllers })

const byDepth = (a: ListedGroup, b: ListedGroup): number =>
  a.names.length - b.names.length || (a.names.join('/') < b.names.join('/') ? -1 : 1)

const arePlaces = (group: string | readonly string[] | readonly GroupPlace[]): group is readonly GroupPlace[] =>
  typeof group !== 'string' && group.length > 0 && typeof group[0] === 'object'

/** @throws UnsupportedError when there would be no directory at all */
function assertPlaced({ groups }: CgroupPlan, { unified, controllers }: CgroupFacts): void {
  if (groups.length > 0) return
  const refusal = [unified, ...Object.values(controllers)]
    .map((found) => found?.usable)
    .find((answer) => answer?.ok === false)
  const { reason, remedy } =
    refusal?.ok === false
      ? refusal
      : {
          reason: 'no hierarchy was asked for that is mounted here',
          remedy: 'name a limit, or ask for all controllers',
        }
  throw new UnsupportedError(`Cannot make a group, because ${reason}`, { fact: 'cgroups', remedy })
}

/** Before anything is made: it also runs when this process is killed in the middle. */
function registerCleanUp(caller: Caller, plan: CgroupPlan): number | undefined {
  if (!(caller instanceof Agent)) return undefined
  const key = nextKey++
  caller.onEnd(key, cleanUpProgram(plan))
  return key
}

function forgetCleanUp(caller: Caller, key: number): void {
  if (caller instanceof Agent && caller.hostPid !== undefined) caller.onEnd(key, null)
}
