import { SyscallError } from '../base/errors.ts'
import { call, cString } from './call.ts'
import { close, writeAll } from './descriptors.ts'
import type { Kernel } from './kernel.ts'

/** linux/memfd.h, linux/fcntl.h */
const MFD_CLOEXEC = 1
const MFD_ALLOW_SEALING = 2
const MFD_EXEC = 0x10
const F_ADD_SEALS = 1033
const SEAL_ALL = 0b1111

const NAME = 'carrel-agent'

/**
 * A copy of the agent in memory, close-on-exec. Sealed, so that no process of a container can change what the next one runs
 * (CVE-2019-5736).
 * @throws SyscallError
 */
export function sealedImage(kernel: Kernel, binary: Uint8Array): number {
  const memory = createMemory(kernel)
  try {
    writeAll(kernel, memory, binary, NAME)
    call(kernel, 'fcntl', { args: `${memory}, F_ADD_SEALS` }, memory, F_ADD_SEALS, SEAL_ALL)
    return memory
  } catch (error) {
    close(kernel, memory)
    throw error
  }
}

function createMemory(kernel: Kernel): number {
  const detail = { args: `"${NAME}"` }
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING
  try {
    return call(kernel, 'memfd_create', detail, cString(NAME), flags | MFD_EXEC)
  } catch (error) {
    // Linux < 6.3
    if (!(error instanceof SyscallError && error.errno === 'EINVAL')) throw error
    return call(kernel, 'memfd_create', detail, cString(NAME), flags)
  }
}

/** Where setproctitle(3) of an agent goes on behind argv[0]; otherwise an environment without a name or a value. */
export const TITLE_ROOM = ' '.repeat(255)
