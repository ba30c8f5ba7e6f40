import { StateError } from '../../base/errors.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import { type MountOptions, mountOptionsIn } from '../../linux/mountinfo.ts'
import type { PathArg } from '../../linux/raw-arg.ts'
import { program } from '../../program/builder.ts'
import type { Caller } from '../caller.ts'

/** Bytes that are read at once: the kernel gives a page or less, and whole lines */
const AT_ONCE = 64 * 1024

/** What the mount that a path lies in was mounted with, from the mount namespace and root of the process. */
export async function readMountOptions(caller: Caller, path: PathArg, options: CallOptions): Promise<MountOptions> {
  const { stx_mnt_id } = await caller.sys.stat(path, options)
  const found = mountOptionsIn(await readMountinfo(caller, options), stx_mnt_id)
  if (found) return found
  throw new StateError(`The mount of ${String(path)} is not below the root of this process`, {
    state: 'outside',
    wanted: 'a mount that /proc/self/mountinfo shows',
  })
}

async function readMountinfo(caller: Caller, options: CallOptions): Promise<string> {
  const fd = await caller.sys.open('/proc/self/mountinfo', ['O_RDONLY', 'O_CLOEXEC'], 0, options)
  const chunks: Uint8Array[] = []
  try {
    for (;;) {
      const chunk = await caller.sys.read(fd, AT_ONCE, options)
      if (chunk.length === 0) break
      chunks.push(chunk)
    }
  } finally {
    const p = program()
    p.tolerate('EBADF').close(fd)
    await caller.run(p)
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}
