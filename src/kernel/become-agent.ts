import { LIMITS } from '../protocol/wire.ts'
import { attempt, call, callError, cString } from './call.ts'
import type { Kernel } from './kernel.ts'
import { TITLE_ROOM } from './image.ts'

const F_SETFD = 2
const F_DUPFD_CLOEXEC = 1030
const CLOSE_RANGE_CLOEXEC = 4
const AT_EMPTY_PATH = 0x1000

/** Above whatever the agent is to find */
const ABOVE = LIMITS.KEPT + LIMITS.DESCRIPTORS

const STREAMS = [0, 1, 2]

/** What becomes of this process. */
export interface Becoming {
  /** Sealed copy of the agent */
  readonly image: number
  readonly socket: number
  readonly keep: readonly number[]
  /** Arguments behind the name */
  readonly words: readonly string[]
}

/**
 * Executes the agent in the place of this process. Nothing of the engine stays: descriptors are placed or closed here, the
 * agent sets every signal to its default itself (agent/signals.c).
 * @throws SyscallError; descriptors may have been replaced by then, so all that is left to do is to say it and exit
 */
export function becomeAgent(kernel: Kernel, { image, socket, keep, words }: Becoming): never {
  const file = copy(kernel, image)
  const sources = [socket, ...keep].map((fd) => copy(kernel, fd))
  sources.forEach((source, i) => {
    call(kernel, 'dup3', { args: `${source}, ${LIMITS.CONTROL + i}, 0` }, source, LIMITS.CONTROL + i, 0)
  })
  // Node has its own streams closed at an exec (libuv, uv_disable_stdio_inheritance). One that its caller had closed stays closed.
  for (const fd of STREAMS) attempt(kernel, 'fcntl', fd, F_SETFD, 0)
  const first = LIMITS.CONTROL + sources.length
  const detail = { args: `${first}, ~0, CLOSE_RANGE_CLOEXEC` }
  call(kernel, 'close_range', detail, first, 0xffff_ffff, CLOSE_RANGE_CLOEXEC)
  const argv = strings(kernel, ['carrel-agent', ...words])
  // Behind the room for its title: the environment of what it may execute in the end.
  const variables = Object.entries(kernel.env).map(([name, value]) => `${name}=${value}`)
  const envp = strings(kernel, [TITLE_ROOM, ...variables])
  const result = attempt(kernel, 'execveat', file, cString(''), argv.pointers, envp.pointers, AT_EMPTY_PATH)
  throw callError('execveat', { args: `${file}, "", ["carrel-agent"]`, because: argv.texts.join(' ') }, -result)
}

function copy(kernel: Kernel, fd: number): number {
  return call(kernel, 'fcntl', { args: `${fd}, F_DUPFD_CLOEXEC, ${ABOVE}` }, fd, F_DUPFD_CLOEXEC, ABOVE)
}

/** What execve(2) takes; the texts must stay referenced as long as the pointers are used. */
export interface Strings {
  readonly pointers: Uint8Array
  readonly texts: readonly string[]
  readonly bytes: readonly Uint8Array[]
}

/** A list of pointers to texts, with a null pointer behind. */
export function strings(kernel: Kernel, texts: readonly string[]): Strings {
  const bytes = texts.map(cString)
  const pointers = new DataView(new ArrayBuffer(8 * (bytes.length + 1)))
  bytes.forEach((text, i) => pointers.setBigUint64(8 * i, kernel.address(text), true))
  return { pointers: new Uint8Array(pointers.buffer), texts, bytes }
}
