import { SyscallError } from '../base/errors.ts'
import { errnoName } from '../linux/errno.ts'
import { LIMITS } from '../protocol/wire.ts'
import { becomeAgent } from './become-agent.ts'
import { call, cString } from './call.ts'
import { close } from './descriptors.ts'
import { readLink } from './files.ts'
import { sealedImage, TITLE_ROOM } from './image.ts'
import type { Kernel, StartedAgent, SyscallArgument } from './kernel.ts'
import { NR } from './numbers.ts'
import type { Host } from './quickjs-host.ts'
import { socketPair } from './socket.ts'

declare const carrelHost: Host

/** The kernel by the executable's own C, for the standalone runtime. */
export function quickjsKernel(): Kernel {
  const host = carrelHost
  const kernel: Kernel = {
    syscall: (number, ...args) => syscall(host, number, args),
    address: (bytes) => host.address(bytes),
    startAgent: () => startAgent(kernel, host),
    becomeAgent(socket, keep, words = []) {
      return becomeAgent(kernel, { image: sealedImage(kernel, host.agent()), socket, keep, words })
    },
    get self() {
      return [readLink(kernel, '/proc/self/exe') ?? '/proc/self/exe']
    },
    get words() {
      return host.words()
    },
    get env() {
      return environmentOf(host)
    },
    raisesFileLimit: false,
    exit(code): never {
      for (;;) host.syscall(NR.exit_group, code)
    },
  }
  return kernel
}

function syscall(host: Host, number: number, args: readonly SyscallArgument[]): number {
  try {
    return host.syscall(number, ...args)
  } catch (error) {
    for (const each of args) if (typeof each === 'string') cString(each)
    throw error
  }
}

function environmentOf(host: Host): Record<string, string> {
  const pairs = host.variables().map((each): [string, string] => {
    const end = each.indexOf('=', 1)
    return [each.slice(0, end), each.slice(end + 1)]
  })
  return Object.fromEntries(pairs.filter(([name]) => name !== ''))
}

const F_DUPFD_CLOEXEC = 1030

/** By vfork(2), which copies nothing. */
function startAgent(kernel: Kernel, host: Host): StartedAgent {
  const image = sealedImage(kernel, host.agent())
  const [ours, theirs] = socketPair(kernel)
  try {
    // Its control socket may get the very number that the image has.
    const away = call(
      kernel,
      'fcntl',
      { args: `${image}, F_DUPFD_CLOEXEC` },
      image,
      F_DUPFD_CLOEXEC,
      LIMITS.CONTROL + 1,
    )
    const pid = host.startAgent(away, theirs, LIMITS.CONTROL, 'carrel-agent', TITLE_ROOM)
    close(kernel, away)
    if (pid < 0) throw startError(-pid)
    return { pid, socket: ours }
  } catch (error) {
    close(kernel, ours)
    throw error
  } finally {
    close(kernel, theirs)
    close(kernel, image)
  }
}

const startError = (errno: number): SyscallError =>
  new SyscallError({
    call: 'execveat',
    args: '"carrel-agent"',
    errno: errnoName(errno),
    step: 0,
    steps: 1,
    because: 'It was to start the agent from memory',
  })
