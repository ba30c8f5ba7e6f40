import { findPath, parseMemberships } from '../host/cgroup-context.ts'
import { decodeMountinfo, type MountEntry } from '../linux/mountinfo.ts'
import type { Caller } from '../process/caller.ts'
import { InvalidInputError } from '../base/errors.ts'
import { GroupProgram } from './group-program.ts'
import { readFiles } from './read-files.ts'

/** A hierarchy that a process sees mounted. */
export interface CgroupMount {
  readonly version: 1 | 2
  /** `/sys/fs/cgroup/memory` */
  readonly directory: string
  /** What of the hierarchy is mounted there, `/` for all that the cgroup namespace shows */
  readonly root: string
  /** v1: its controllers by the kernel's names; `name=systemd` for one without */
  readonly controllers: readonly string[]
  readonly isReadOnly: boolean
}

/** The group of a process in one hierarchy. */
export interface Membership {
  readonly version: 1 | 2
  /** v1: controllers of the hierarchy by the kernel's names; `name=systemd` for one without */
  readonly controllers: readonly string[]
  /** From the root of the caller's cgroup namespace, `/user.slice`; `/..` leads out of it */
  readonly path: string
  /** Where the caller can see it; absent when that part of the hierarchy is not mounted there */
  readonly directory?: string
}

/** The cgroup file systems that a process sees, in the order of its mounts. @throws SyscallError */
export async function cgroupMounts(caller: Caller): Promise<CgroupMount[]> {
  const texts = await readFiles(caller, [MOUNTS])
  return mountsIn(texts.get(MOUNTS) ?? '').map(({ mount, version, controllers }) => ({
    version,
    controllers,
    directory: mount.mountPoint,
    root: mount.root,
    isReadOnly: mount.options.includes('ro') || mount.superOptions.includes('ro'),
  }))
}

/**
 * The groups of a process in every hierarchy, and where the caller can see them.
 * @param pid as the caller numbers it; default: the caller itself
 * @throws SyscallError ENOENT, ESRCH when there is no such process; InvalidInputError
 */
export async function cgroupOf(caller: Caller, pid?: number): Promise<Membership[]> {
  if (pid !== undefined && (!Number.isInteger(pid) || pid < 1)) {
    throw new InvalidInputError(`pid must be a whole number from 1 on, not ${String(pid)}`, { field: 'pid' })
  }
  const path = `/proc/${pid ?? 'self'}/cgroup`
  const texts = await readFiles(caller, [path, MOUNTS])
  const text = texts.get(path)
  if (text === null || text === undefined) {
    const program = new GroupProgram()
    program.p.openat('AT_FDCWD', path, ['O_RDONLY', 'O_CLOEXEC'])
    await program.run(caller)
  }
  const mounts = mountsIn(texts.get(MOUNTS) ?? '')
  return parseMemberships(text ?? '').map((membership) => {
    const directory = directoryOf(membership, mounts)
    return { ...membership, ...(directory === undefined ? {} : { directory }) }
  })
}

const MOUNTS = '/proc/self/mountinfo'

interface Mounted {
  readonly mount: MountEntry
  readonly version: 1 | 2
  readonly controllers: readonly string[]
}

function mountsIn(mountinfo: string): Mounted[] {
  return decodeMountinfo(mountinfo).flatMap((mount): Mounted[] => {
    if (mount.type === 'cgroup2') return [{ mount, version: 2, controllers: [] }]
    if (mount.type !== 'cgroup') return []
    return [{ mount, version: 1, controllers: mount.superOptions.filter((option) => !NO_CONTROLLERS.has(option)) }]
  })
}

/** Options of the file system that are none of its controllers (cgroup1_show_options in kernel/cgroup/cgroup-v1.c). */
const NO_CONTROLLERS: ReadonlySet<string> = new Set([
  ...['rw', 'ro', 'noprefix', 'xattr', 'clone_children', 'cpuset_v2_mode', 'favordynmods'],
])

function directoryOf(membership: Membership, mounts: readonly Mounted[]): string | undefined {
  const names = [...membership.controllers].sort().join()
  for (const { mount, version, controllers } of mounts) {
    if (version !== membership.version || [...controllers].sort().join() !== names) continue
    const path = findPath(mount, membership.path)
    if (path) return [mount.mountPoint, ...path].join('/')
  }
  return undefined
}
