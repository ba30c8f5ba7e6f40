import { fchmodSync, fstatSync, readlinkSync } from 'node:fs'
import { isatty } from 'node:tty'
import { directoryStream } from '../features/root/directory-stream.ts'
import type { StdioTarget } from '../process/streams/stdio.ts'

/**
 * What the command gets for one of the caller's standard streams: the stream itself, but never a terminal (CVE-2017-5226), nor a directory.
 * A nameless pipe belongs to whoever made it; the sandbox's user is somebody else, and opens it again as /dev/stdin or
 * /dev/stdout. Nobody finds such a pipe who does not hold it already.
 * @throws InvalidInputError
 */
export function inheritedStream(descriptor: 0 | 1 | 2): StdioTarget {
  if (isatty(descriptor)) return 'pipe'
  if (fstatSync(descriptor).isDirectory()) throw directoryStream(descriptor)
  try {
    if (readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('pipe:')) fchmodSync(descriptor, 0o666)
  } catch {
    // Somebody else's pipe: it can be used, and not be opened again.
  }
  return 'inherit'
}
