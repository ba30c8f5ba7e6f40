import type { Call } from '../call.ts'
import { EVENT_CALLS } from './events.ts'
import { FILE_CALLS } from './files.ts'
import { MEMORY_CALLS } from './memory.ts'
import { MOUNT_CALLS } from './mounts.ts'
import { POSIX_CALLS } from './posix.ts'
import { PROCESS_CALLS } from './processes.ts'
import { SECURITY_CALLS } from './security.ts'
import { SOCKET_CALLS } from './sockets.ts'

/** Every system call with a typed signature, by the name of its method. */
export const CALLS: Readonly<Record<string, Call>> = {
  ...FILE_CALLS,
  ...MOUNT_CALLS,
  ...PROCESS_CALLS,
  ...SOCKET_CALLS,
  ...EVENT_CALLS,
  ...SECURITY_CALLS,
  ...MEMORY_CALLS,
  ...POSIX_CALLS,
}
