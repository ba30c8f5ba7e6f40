import { closeSync } from 'node:fs'
import {
  type EventCounters,
  eventSources,
  type OomNotification,
  readEvents,
} from '../features/cgroups/readings/event-sources.ts'
import type { GroupPlace } from '../features/cgroups/group-place.ts'
import type { Fd, Ref } from '../linux/ref.ts'
import type { Caller } from '../process/caller.ts'
import { noSuchGroup } from './find-group.ts'
import { GroupProgram } from './group-program.ts'

/** Descriptors that become readable when something happens to a group, and how things stood when they were made. */
export interface WatchSources {
  /** An inotify instance, then the eventfd of v1's out-of-memory notification where there is one */
  readonly descriptors: readonly number[]
  /** Files whose text tells what has happened */
  readonly paths: readonly string[]
  readonly counters: EventCounters
  /** Name of the group in the directory above it, which is watched for its removal */
  readonly name: string
}

const TEXT_BYTES = 1024

/**
 * Begins to watch a group. All but the eventfd is in place after the first message, which also reads how things stand: what the caller
 * does afterwards is seen.
 * @throws SyscallError EMFILE and ENOSPC of inotify(7), ENOENT without a group
 */
export async function openSources(caller: Caller, places: readonly GroupPlace[]): Promise<WatchSources> {
  const { files, oom } = eventSources(places)
  const candidates = oom ? [...files, oom.control] : files
  const place = places.find(({ version }) => version === 2) ?? places[0]
  const directory = place?.directory ?? ''
  const program = new GroupProgram()
  const inotify = inotifySteps(program, directory, files)
  const texts = candidates.map((path) => [path, program.read(path, TEXT_BYTES)] as const)
  const group = program.p
    .tolerate('ENOENT', 'ENODEV')
    .openat('AT_FDCWD', directory, ['O_PATH', 'O_DIRECTORY', 'O_CLOEXEC'])
  program.p.close(group)
  const opened = oom && openSteps(program, oom)
  program.p.send(inotify)
  const result = await program.run(caller)
  const descriptors = [...result.descriptors]
  try {
    if (result.get(group) < 0) throw noSuchGroup(directory)
    const known = new Map<string, string>()
    for (const [path, ref] of texts) {
      const text: Uint8Array | number = result.get(ref)
      if (typeof text !== 'number') known.set(path, Buffer.from(text).toString())
    }
    if (opened)
      descriptors.push(
        ...(await notifySteps(
          caller,
          opened.map((ref) => result.get(ref)),
        )),
      )
    const { counters } = readEvents(null, known)
    return { descriptors, paths: [...known.keys()], counters, name: directory.slice(directory.lastIndexOf('/') + 1) }
  } catch (error) {
    descriptors.forEach((fd) => closeSync(fd))
    throw error
  }
}

function inotifySteps({ p }: GroupProgram, directory: string, files: readonly string[]): Ref<Fd> {
  p.because('cgroups', 'inotify(7): the kernel tells by IN_MODIFY that a file of events has another text')
  const inotify = p.inotify_init1(['IN_NONBLOCK', 'IN_CLOEXEC'])
  for (const path of files) p.tolerate('ENOENT').inotify_add_watch(inotify, path, ['IN_MODIFY'])
  p.because('cgroups', 'Nothing is told about a removed group itself, only about the directory that it was in')
  p.inotify_add_watch(inotify, directory.slice(0, directory.lastIndexOf('/')), ['IN_DELETE', 'IN_ONLYDIR'])
  return inotify
}

/** An eventfd, and the two files that tell the kernel to use it; as numbers of the caller's, because that is what it wants to be told. */
function openSteps(program: GroupProgram, { control, eventControl }: OomNotification): [Ref<Fd>, Ref<Fd>, Ref<Fd>] {
  return [
    program.p.eventfd2(0, ['EFD_NONBLOCK', 'EFD_CLOEXEC']),
    program.about(control, undefined, (p) => p.openat('AT_FDCWD', control, ['O_RDONLY', 'O_CLOEXEC'])),
    program.about(eventControl, undefined, (p) => p.openat('AT_FDCWD', eventControl, ['O_WRONLY', 'O_CLOEXEC'])),
  ]
}

/** The eventfd, sent here; the kernel forgets it when its last descriptor is closed (cgroup-v1/memory.rst). */
async function notifySteps(
  caller: Caller,
  [eventfd = -1, control = -1, eventControl = -1]: readonly number[],
): Promise<number[]> {
  const program = new GroupProgram()
  const { p } = program
  p.because('cgroups', 'v1 tells by an eventfd that memory has run out')
  p.write(eventControl, `${eventfd} ${control}`)
  const copy = p.fcntl(eventfd, 'F_DUPFD_CLOEXEC', 0) as Ref<Fd>
  p.send(copy)
  const result = await program.attempt(caller)
  const closing = new GroupProgram()
  for (const fd of [eventfd, control, eventControl]) closing.p.close(fd)
  await closing.run(caller)
  program.check(result)
  return [...result.descriptors]
}
