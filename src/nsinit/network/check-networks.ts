import { InvalidInputError, SyscallError } from '../../base/errors.ts'
import { attempt } from '../../kernel/call.ts'
import { close, O, open } from '../../kernel/descriptors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ContainerNetwork } from '../container-json/container-config.ts'

/** linux/nsfs.h: _IO(0xb7, 3), which answers with the clone flag of a namespace's type (ioctl_nsfs(2), Linux 4.11) */
const NS_GET_NSTYPE = 0xb703
const CLONE_NEWNET = 0x4000_0000

/** Checks what can be checked before anything is made: that a namespace to be joined is there, and is one of networks. @throws InvalidInputError */
export function checkNetworks(kernel: Kernel, networks: readonly ContainerNetwork[]): void {
  networks.forEach((network, index) => {
    if (network.type === 'netns') checkNamespace(kernel, network.nsPath, `/networks/${index}/ns_path`)
  })
}

function checkNamespace(kernel: Kernel, path: string, field: string): void {
  const fd = openPath(kernel, path, field)
  try {
    if (attempt(kernel, 'ioctl', fd, NS_GET_NSTYPE, 0) !== CLONE_NEWNET) {
      refuse(field, `${JSON.stringify(path)} is no network namespace`)
    }
  } finally {
    close(kernel, fd)
  }
}

function openPath(kernel: Kernel, path: string, field: string): number {
  try {
    // A FIFO would have us wait, a terminal would become ours.
    return open(kernel, path, O.RDONLY | O.NONBLOCK | O.NOCTTY)
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    return refuse(field, `${JSON.stringify(path)} cannot be opened: ${error.errno}`, error)
  }
}

function refuse(field: string, problem: string, cause?: SyscallError): never {
  const remedy = 'give the file of one, /proc/PID/ns/net or what "ip netns add" has made in /run/netns'
  throw new InvalidInputError(`${field} ${problem}: ${remedy}`, { field, ...(cause ? { cause } : {}) })
}
