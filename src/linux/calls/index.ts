import type { Call } from '../call.ts'
import { EVENT_CALLS } from './events.ts'
import { FILE_CALLS } from './files.ts'
import { MEMORY_CALLS } from './memory.ts'
import { MOUNT_CALLS } from './mounts.ts'
import { POSIX_CALLS } from './posix.ts'
import { PROCESS_CALLS } from './processes.ts'
import { SECURITY_CALLS } from './security.ts'
import { SOCKET_CALLS } from './sockets.ts'

const MAKERS: readonly Readonly<Record<string, () => Call>>[] = [
  FILE_CALLS,
  MOUNT_CALLS,
  PROCESS_CALLS,
  SOCKET_CALLS,
  EVENT_CALLS,
  SECURITY_CALLS,
  MEMORY_CALLS,
  POSIX_CALLS,
]

const known = new Map<string, Call>()

/** The system call with a typed signature that has this name as a method, or undefined. It is made when it is first asked for. */
export function findCall(name: string): Call | undefined {
  const found = known.get(name)
  if (found) return found
  const makers = MAKERS.find((group) => Object.hasOwn(group, name))
  const call = makers?.[name]?.()
  if (call) known.set(name, call)
  return call
}

let all: Readonly<Record<string, Call>> | undefined

/** Every system call with a typed signature, by the name of its method. */
export function allCalls(): Readonly<Record<string, Call>> {
  all ??= Object.fromEntries(MAKERS.flatMap(Object.keys).map((name) => [name, findCall(name) as Call]))
  return all
}
