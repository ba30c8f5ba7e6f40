import { type BigIntStats, lstatSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidInputError } from '../base/errors.ts'
import { attempt, call, E } from '../kernel/call.ts'
import { close, O, open } from '../kernel/descriptors.ts'
import { nodeKernel } from '../kernel/node.ts'
import { isBound, listenUnix } from '../kernel/socket.ts'

/** A unix socket that listens, and the name that it has. */
export interface UnixName {
  /** The caller's */
  readonly fd: number
  /** Takes the name away, unless it has become somebody else's. To be called while the socket listens still: then nobody takes it over. */
  remove(): void
}

/**
 * Listens at a name of the file system. What a killed server has left there is taken over. The name's directory is locked meanwhile (flock(2)),
 * so that of several servers at one stale name a single one takes it: the others find it in use.
 * @param mode permissions: who may write may connect (unix(7))
 * @throws InvalidInputError when the name is in use, or no socket's; SyscallError
 */
export async function takeUnixName(
  path: string,
  { backlog, mode }: { backlog: number; mode: number },
): Promise<UnixName> {
  const lock = await lockDirectory(dirname(path))
  // From here on nothing is waited for: there is no moment at which more may connect than the mode says.
  const before = process.umask(0o777 & ~mode)
  try {
    removeStale(path)
    const fd = listenUnix(nodeKernel(), path, backlog)
    const made = lstatSync(path, { bigint: true })
    return { fd, remove: () => removeIf(path, made) }
  } finally {
    process.umask(before)
    close(nodeKernel(), lock)
  }
}

/** One that cannot be removed is left, as a killed server leaves it. */
function removeIf(path: string, { dev, ino }: BigIntStats): void {
  try {
    const now = lstatSync(path, { bigint: true })
    if (now.ino === ino && now.dev === dev) unlinkSync(path)
  } catch {
    // Gone already, or its directory is.
  }
}

/** Somebody else's lock is no reason to wait for ever, in milliseconds; that of a server is held for less than one. */
const LOCK_MS = 5000
const ASK_AGAIN_MS = 5
/** sys/file.h: LOCK_EX, LOCK_NB */
const LOCK_EX_NB = 2 | 4

/** A descriptor; closing it is unlocking, and so is being killed. */
async function lockDirectory(path: string): Promise<number> {
  const kernel = nodeKernel()
  const fd = open(kernel, path, O.RDONLY | O.DIRECTORY)
  const until = performance.now() + LOCK_MS
  try {
    while (attempt(kernel, 'flock', fd, LOCK_EX_NB) === -E.EAGAIN) {
      if (performance.now() > until)
        throw new InvalidInputError(
          `unix is in ${path}, which somebody else has locked (flock): take another directory`,
          {
            field: 'unix',
          },
        )
      await sleep(ASK_AGAIN_MS)
    }
    call(kernel, 'flock', { args: JSON.stringify(path) }, fd, LOCK_EX_NB)
    return fd
  } catch (error) {
    close(kernel, fd)
    throw error
  }
}

function removeStale(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat) return
  if (!stat.isSocket()) throw new InvalidInputError(`unix is ${path}, which exists and is no socket`, { field: 'unix' })
  if (isBound(nodeKernel(), path))
    throw new InvalidInputError(`unix is ${path}, at which somebody listens already`, { field: 'unix' })
  unlinkSync(path)
}
