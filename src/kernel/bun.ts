import { dlopen, ptr, read } from 'bun:ffi'
import { SyscallError, UnsupportedError } from '../base/errors.ts'
import { errnoName } from '../linux/errno.ts'
import { LIMITS } from '../protocol/wire.ts'
import { becomeAgent, strings } from './become-agent.ts'
import { cString } from './call.ts'
import { close } from './descriptors.ts'
import { embeddedAgent } from './embedded-agent.ts'
import { sealedImage, TITLE_ROOM } from './image.ts'
import type { Kernel, StartedAgent, SyscallArgument } from './kernel.ts'
import { NR } from './numbers.ts'
import { socketPair } from './socket.ts'

/** The C library that the engine itself is linked with. */
const LIBRARY = 'libc.so.6'

/**
 * The kernel by the C library, for bun. An addon would not do: the executable writes an embedded one to a file of a name that can be
 * guessed in the directory for temporary files, and loads it from there.
 */
export function bunKernel(): Kernel {
  const { syscall, __errno_location: errnoLocation } = dlopen(LIBRARY, {
    syscall: { args: ['i64', 'i64', 'i64', 'i64', 'i64', 'i64', 'i64'], returns: 'i64_fast' },
    __errno_location: { args: [], returns: 'ptr' },
  }).symbols
  // Of this thread, which is the only one that calls.
  const errno = errnoLocation()
  const kernel: Kernel = {
    syscall(number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0) {
      const result = syscall(number, wordOf(a), wordOf(b), wordOf(c), wordOf(d), wordOf(e), wordOf(f))
      return result === -1 ? -read.i32(errno, 0) : result
    },
    address: (bytes) => BigInt(addressOf(bytes)),
    startAgent: () => startAgent(kernel),
    becomeAgent(socket, kept, words = []) {
      return becomeAgent(kernel, { image: sealedImage(kernel, agentBinary()), socket, keep: kept, words })
    },
    get self() {
      return [globalThis.process.execPath]
    },
    get words() {
      return globalThis.process.argv.slice(2)
    },
    get env() {
      return globalThis.process.env
    },
    exit(code): never {
      for (;;) kernel.syscall(NR.exit_group, code)
    },
  }
  return kernel
}

function wordOf(value: SyscallArgument): number | bigint {
  if (typeof value === 'number' || typeof value === 'bigint') return value
  if (value === null) return 0
  return addressOf(typeof value === 'string' ? keep(cString(value)) : value)
}

/** Texts of the last call, so that they are not collected while it runs. */
const texts: Uint8Array[] = []
let next = 0

function keep(bytes: Uint8Array): Uint8Array {
  texts[next++ & 7] = bytes
  return bytes
}

function addressOf(bytes: Uint8Array): number {
  // A small array gets memory that does not move any more only when its buffer is asked for.
  if (bytes.buffer.byteLength === 0 || bytes.byteLength === 0) return 0
  return ptr(bytes)
}

/** ECMAScript's, which TypeScript's library of this project does not have yet; a loop over atob() takes a hundred times as long. */
const { fromBase64 } = Uint8Array as unknown as { fromBase64: (this: unknown, text: string) => Uint8Array }

let binary: Uint8Array | undefined

/** @throws UnsupportedError */
function agentBinary(): Uint8Array {
  if (binary) return binary
  const text = embeddedAgent()
  if (text === undefined) {
    throw new UnsupportedError('This program has no agent in it', {
      fact: 'binary:carrel-agent',
      remedy: 'build it with "npm run build:standalone", or run it by Node',
    })
  }
  binary = fromBase64.call(Uint8Array, text)
  return binary
}

/** spawn.h; the structs of glibc are 80 and 336 bytes long, those of musl 80 and 336 */
const POSIX_SPAWN_SETSIGDEF = 4
const POSIX_SPAWN_SETSIGMASK = 8
const STRUCT_BYTES = 512
const SIGSET_BYTES = 128

/** By posix_spawn(3), which borrows this memory as vfork(2) does: a copy of the engine's page tables would cost milliseconds. */
function startAgent(kernel: Kernel): StartedAgent {
  const image = sealedImage(kernel, agentBinary())
  const [ours, theirs] = socketPair(kernel)
  try {
    return { pid: spawn(kernel, image, theirs), socket: ours }
  } catch (error) {
    close(kernel, ours)
    throw error
  } finally {
    close(kernel, theirs)
    close(kernel, image)
  }
}

function spawn(kernel: Kernel, image: number, control: number): number {
  const c = dlopen(LIBRARY, {
    posix_spawn: { args: ['ptr', 'ptr', 'ptr', 'ptr', 'ptr', 'ptr'], returns: 'i32' },
    posix_spawn_file_actions_init: { args: ['ptr'], returns: 'i32' },
    posix_spawn_file_actions_adddup2: { args: ['ptr', 'i32', 'i32'], returns: 'i32' },
    posix_spawnattr_init: { args: ['ptr'], returns: 'i32' },
    posix_spawnattr_setflags: { args: ['ptr', 'i32'], returns: 'i32' },
    posix_spawnattr_setsigdefault: { args: ['ptr', 'ptr'], returns: 'i32' },
  }).symbols
  const [actions, attributes] = [new Uint8Array(STRUCT_BYTES), new Uint8Array(STRUCT_BYTES)]
  const pid = new Int32Array(1)
  const argv = strings(kernel, ['carrel-agent'])
  const envp = strings(kernel, [TITLE_ROOM])
  c.posix_spawn_file_actions_init(actions)
  c.posix_spawn_file_actions_adddup2(actions, control, LIMITS.CONTROL)
  // The mask of new attributes is empty.
  c.posix_spawnattr_init(attributes)
  c.posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)
  c.posix_spawnattr_setsigdefault(attributes, new Uint8Array(SIGSET_BYTES).fill(0xff))
  const path = `/proc/self/fd/${image}`
  const bytes = new Uint8Array(pid.buffer)
  const error = c.posix_spawn(bytes, cString(path), actions, attributes, argv.pointers, envp.pointers)
  if (error !== 0) throw spawnError(path, error)
  return pid[0]!
}

const spawnError = (path: string, errno: number): SyscallError =>
  new SyscallError({
    call: 'execve',
    args: JSON.stringify(path),
    errno: errnoName(errno),
    step: 0,
    steps: 1,
    because: 'It was to start the agent from memory; that needs a proc file system at /proc',
  })
