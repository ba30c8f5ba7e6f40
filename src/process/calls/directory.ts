import type { Call } from '../../linux/call.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import { FILE_CALLS } from '../../linux/calls/files.ts'
import { decodeListing, type ListedEntry } from '../../linux/directory.ts'
import { outBytes } from '../../linux/memory-params.ts'
import { fd as fdParam } from '../../linux/params.ts'
import type { PathArg } from '../../linux/raw-arg.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import { out } from '../../linux/results.ts'
import { type Program, program } from '../../program/builder.ts'
import type { Caller } from '../caller.ts'
import { CALL_MS, limitsOf, waitFor } from '../connection/waiting.ts'

export interface ReaddirOptions extends CallOptions {
  /** Directory that a relative path begins at, a descriptor of the process; default: its working directory */
  readonly dirfd?: number | 'AT_FDCWD'
}

/** Room of the first two reads: most directories need no further message */
const FIRST_BYTES = 16 * 1024
/** Room of each later read; several go in one message */
const MORE_BYTES = 256 * 1024
const MORE_READS = 4

/** An answer that nobody waits for is dropped, and with it the number of the descriptor that is to be closed. */
const WITHOUT_LIMIT = { timeoutMs: Infinity }

/**
 * Everything that a directory holds, `.` and `..` included, in the kernel's order. The descriptor is closed in every case, also
 * when the caller does not wait for the end.
 * @throws SyscallError ENOENT, ENOTDIR, EACCES; StateError, AgentError, TimeoutError, the signal's reason
 */
export function readDirectory(caller: Caller, path: PathArg, options: ReaddirOptions): Promise<ListedEntry[]> {
  const listing = listDirectory(caller, path, options.dirfd ?? 'AT_FDCWD')
  listing.catch(() => {})
  return waitFor(listing, 'The directory did not end', { timeoutMs: CALL_MS, ...limitsOf(options) }, () => {})
}

async function listDirectory(caller: Caller, path: PathArg, dirfd: number | 'AT_FDCWD'): Promise<ListedEntry[]> {
  const p = program()
  const directory = p.openat(dirfd, path, ['O_RDONLY', 'O_DIRECTORY', 'O_CLOEXEC'])
  const first = [getdents(p, directory, FIRST_BYTES), getdents(p, directory, FIRST_BYTES)]
  const opened = await caller.run(p, WITHOUT_LIMIT)
  const fd = opened.get(directory)
  try {
    const chunks = first.map((chunk) => opened.get(chunk))
    while (chunks.at(-1)?.length !== 0) chunks.push(...(await readMore(caller, fd)))
    return chunks.flatMap(decodeListing)
  } finally {
    await caller.sys.close(fd, WITHOUT_LIMIT)
  }
}

async function readMore(caller: Caller, fd: number): Promise<Uint8Array[]> {
  const p = program()
  const chunks = Array.from({ length: MORE_READS }, () => getdents(p, fd, MORE_BYTES))
  const result = await caller.run(p, WITHOUT_LIMIT)
  return chunks.map((chunk) => result.get(chunk))
}

/** The typed call decodes the names, and bytes that are no text would be lost. */
const GETDENTS64: Call = {
  ...FILE_CALLS.getdents64(),
  params: [fdParam(), outBytes()],
  result: out('Uint8Array'),
}

const getdents = (p: Program, fd: number | Ref<Fd>, size: number): Ref<Uint8Array> =>
  p.add(GETDENTS64, [fd, size]) as Ref<Uint8Array>
