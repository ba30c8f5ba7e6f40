import { closeSync } from 'node:fs'
import { CarrelError, UnsupportedError } from '../base/errors.ts'
import type { GroupPlace } from '../features/cgroups/group-place.ts'
import type { CallOptions } from '../linux/call-options.ts'
import type { Caller } from '../process/caller.ts'
import { Changes } from './changes.ts'
import { GroupProgram } from './group-program.ts'
import { Patience } from './patience.ts'
import { readFiles } from './read-files.ts'
import { readStatistics } from './read-statistics.ts'

/** What stops the processes of a group: cgroup.freeze of v2 (5.2), or the freezer controller of v1. */
interface Freezer {
  readonly directory: string
  readonly version: 1 | 2
}

/**
 * Stops every process of a group and of those below it; resolves when all stand still. Waits for news from the kernel on v2; v1 tells
 * nobody, and is looked at. A group that does not freeze in time is thawed again.
 * @throws UnsupportedError where nothing can freeze it; SyscallError, TimeoutError, the signal's reason
 */
export async function freezeGroup(caller: Caller, places: readonly GroupPlace[], options: CallOptions): Promise<void> {
  const patience = new Patience(() => 'The group did not freeze', options)
  for (const freezer of freezersOf(places)) {
    try {
      if (await (freezer.version === 2 ? freezeUnified : freezeByController)(caller, freezer.directory, patience))
        return
    } catch (error) {
      await thawGroup(caller, places).catch((also: unknown) => {
        if (error instanceof CarrelError) error.cleanup.push(also)
      })
      throw error
    }
  }
  throw new UnsupportedError('Nothing here can freeze this group', {
    fact: 'freezer',
    remedy: 'use cgroup v2 of Linux 5.2 or later, or make the group in the freezer hierarchy too',
  })
}

/** Whether a group stands still already, so that who stops it for a moment does not set it going. @throws SyscallError */
export async function isPaused(caller: Caller, places: readonly GroupPlace[]): Promise<boolean> {
  const [{ freezer } = {}] = await readStatistics(caller, [{ places }], ['freezer'])
  return freezer === 'frozen'
}

/** Lets them run again, whichever of the two had stopped them. @throws SyscallError */
export async function thawGroup(caller: Caller, places: readonly GroupPlace[]): Promise<void> {
  const program = new GroupProgram()
  for (const { directory, version } of freezersOf(places)) {
    if (version === 2) program.write(`${directory}/cgroup.freeze`, '0', ['ENOENT'])
    else program.write(`${directory}/freezer.state`, 'THAWED')
  }
  if (program.p.length > 0) await program.run(caller)
}

/** Whether processes of the group can be stopped, so that none of them makes another one meanwhile. */
export const freezersOf = (places: readonly GroupPlace[]): readonly Freezer[] =>
  [...places]
    .sort((a, b) => b.version - a.version)
    .filter(({ version, controllers }) => version === 2 || controllers.includes('freezer'))

/** False when this kernel cannot. */
async function freezeUnified(caller: Caller, directory: string, patience: Patience): Promise<boolean> {
  const events = `${directory}/cgroup.events`
  const program = new GroupProgram()
  const inotify = program.about(events, undefined, (p) => {
    p.because('cgroups', 'The kernel tells when the last process stands still: IN_MODIFY of cgroup.events')
    const fd = p.inotify_init1(['IN_NONBLOCK', 'IN_CLOEXEC'])
    p.inotify_add_watch(fd, events, ['IN_MODIFY'])
    return fd
  })
  const wrote = program.write(`${directory}/cgroup.freeze`, '1', ['ENOENT'])
  const first = program.read(events, 1024)
  program.p.send(inotify)
  const result = await program.run(caller)
  const [descriptor] = result.descriptors
  const isThere = result.get(wrote) >= 0
  const text: Uint8Array | number = result.get(first)
  if (!isThere || (typeof text !== 'number' && isFrozen(Buffer.from(text).toString()))) {
    result.descriptors.forEach((fd) => closeSync(fd))
    return isThere
  }
  using changes = new Changes(descriptor === undefined ? [] : [descriptor])
  do await changes.next('The group did not freeze', patience.left())
  while (!isFrozen((await readFiles(caller, [events])).get(events) ?? ''))
  return true
}

const isFrozen = (events: string): boolean => /^frozen 1$/m.test(events)

/** A task that forks while the group freezes is caught by another write (cgroup-v1/freezer-subsystem.rst). */
async function freezeByController(caller: Caller, directory: string, patience: Patience): Promise<boolean> {
  const state = `${directory}/freezer.state`
  for (;;) {
    const program = new GroupProgram()
    program.write(state, 'FROZEN')
    const read = program.read(state, 64)
    const text: Uint8Array | number = (await program.run(caller)).get(read)
    if (typeof text !== 'number' && Buffer.from(text).toString().trim() === 'FROZEN') return true
    await patience.pause()
  }
}
