import { readFileSync } from 'node:fs'
import { SyscallError } from '../base/errors.ts'
import type { Addon, Started } from './addon.ts'
import { becomeAgent } from './become-agent.ts'
import { findBinary } from './binaries.ts'
import { call, cString } from './call.ts'
import { close } from './descriptors.ts'
import { sealedImage } from './image.ts'
import type { Kernel, StartedAgent, SyscallArgument } from './kernel.ts'
import { native } from './native.ts'
import { NR } from './numbers.ts'

const F_SETFL = 4

/** The kernel by the addon, for Node. @throws UnsupportedError when the addon is missing */
export function nodeKernel(): Kernel {
  const addon = native()
  const kernel: Kernel = {
    syscall: (number, ...args) => addon.syscall(number, ...args.map(wordOf)),
    address: (bytes) => addon.address(bytes),
    startAgent: () => startAgent(kernel, addon),
    becomeAgent(socket, keep, words = []) {
      const image = sealedImage(kernel, readFileSync(findBinary('carrel-agent')))
      return becomeAgent(kernel, { image, socket, keep, words })
    },
    get self() {
      return [process.execPath, process.argv[1] ?? '']
    },
    get words() {
      return process.argv.slice(2)
    },
    env: process.env,
    raisesFileLimit: true,
    exit(code): never {
      for (;;) addon.syscall(NR.exit_group, code)
    },
  }
  return kernel
}

const wordOf = (value: SyscallArgument): number | bigint | Uint8Array | null =>
  typeof value === 'string' ? cString(value) : value

function startAgent(kernel: Kernel, addon: Addon): StartedAgent {
  const { pid, pidfd, socket } = launch(addon)
  close(kernel, pidfd)
  // The addon makes it nonblocking, for an event loop.
  call(kernel, 'fcntl', { args: `${socket}, F_SETFL, 0` }, socket, F_SETFL, 0)
  return { pid, socket }
}

function launch(addon: Addon): Started {
  try {
    return addon.start(findBinary('carrel-agent'))
  } catch (error) {
    const { code, syscall = 'execveat' } = error as NodeJS.ErrnoException
    if (code === undefined || !syscall) throw error
    const because = 'It was to start the agent'
    throw new SyscallError({ call: syscall, args: '"carrel-agent"', errno: code, step: 0, steps: 1, because })
  }
}
