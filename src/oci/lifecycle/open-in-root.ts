import { attempt, callError, cString, E } from '../../kernel/call.ts'
import { O } from '../../kernel/descriptors.ts'
import type { Kernel } from '../../kernel/kernel.ts'

/** struct open_how (openat2(2)): flags, mode, resolve */
const RESOLVE_IN_ROOT = 0x10n
const HOW_SIZE = 24
/** `..` in a path is walked again when anything of the machine is renamed meanwhile (openat2(2), EAGAIN) */
const ATTEMPTS = 1000

/** Opens what a path of a container leads to inside its root, as O_PATH; undefined when there is nothing. @throws SyscallError */
export function openInRoot(kernel: Kernel, root: number, path: string): number | undefined {
  const how = new BigUint64Array([BigInt(O.PATH | O.CLOEXEC), 0n, RESOLVE_IN_ROOT])
  let fd: number = -E.EAGAIN
  for (let n = 0; fd === -E.EAGAIN && n < ATTEMPTS; n++) {
    fd = attempt(kernel, 'openat2', root, cString(path), new Uint8Array(how.buffer), HOW_SIZE)
  }
  if (fd >= 0) return fd
  if (fd === -E.ENOENT || fd === -E.ENOTDIR) return undefined
  throw callError('openat2', { args: `${root}, ${JSON.stringify(path)}, RESOLVE_IN_ROOT` }, -fd)
}
