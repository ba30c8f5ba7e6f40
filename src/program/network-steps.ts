import { InvalidInputError, SyscallError } from '../base/errors.ts'
import { flagsValue } from '../linux/flags.ts'
import { machineArch } from '../linux/arch.ts'
import { checkBoolean, checkKeys, checkNumber, u32 } from '../linux/netlink/encode.ts'
import { checkLinkName } from '../linux/netlink/link-name.ts'
import type { NamespaceRef } from '../linux/netlink/link-settings.ts'
import type { Fd, Pid, Ref } from '../linux/ref.ts'
import { TUN_FLAGS, type TunFlag } from '../linux/tables/interfaces.ts'
import { type Program, program } from './builder.ts'
import type { Exchange } from './netlink-exchange.ts'
import { cloneStep } from './special.ts'

/** A network namespace, by a path too: `/run/netns/blue`, `/proc/4711/ns/net`. */
export type NamespaceSource = NamespaceRef | { readonly path: string }

/** Adds the opening of a network namespace; the descriptor is the process's own, to be closed. @throws InvalidInputError */
export function openNamespaceSteps(p: Program, source: NamespaceSource): Ref<Fd> {
  p.because('netlink', 'pid' in source ? `The network namespace of process ${source.pid}` : 'Opens a network namespace')
  const [key, ...others] = Object.keys(source)
  if (others.length === 0) {
    if (key === 'pid' && 'pid' in source) return openOf(p, source.pid, 'net')
    if (key === 'path' && 'path' in source) return p.openat('AT_FDCWD', source.path, ['O_RDONLY', 'O_CLOEXEC'])
    if (key === 'fd' && 'fd' in source) return copyOf(p, source.fd)
  }
  throw new InvalidInputError('namespace must have one of pid, path and fd: { pid: 4711 }', { field: 'namespace' })
}

const openOf = (p: Program, pid: number, type: 'net' | 'user'): Ref<Fd> => {
  const path = `/proc/${checkNumber(pid, 'namespace.pid', 1, 0x7fff_ffff)}/ns/${type}`
  return p.openat('AT_FDCWD', path, ['O_RDONLY', 'O_CLOEXEC'])
}

const copyOf = (p: Program, fd: number): Ref<Fd> =>
  p.fcntl(checkNumber(fd, 'namespace.fd', 0, 0x7fff_ffff), 'F_DUPFD_CLOEXEC', 0) as unknown as Ref<Fd>

/** The number at which a child finds the first descriptor that it keeps (CloneStep.keep) */
const KEPT = 4

/**
 * Adds a child that is going to join a network namespace. It keeps that one open, and the user namespace of a process: `joinKept` lets it
 * join them. The references are its pid and its pidfd.
 */
export function childForNamespace(
  p: Program,
  control: Ref<Fd>,
  source: NamespaceSource,
): { readonly pid: Ref<Pid>; readonly pidfd: Ref<Fd> } {
  const keep = [openNamespaceSteps(p, source), ...('pid' in source ? [openOf(p, source.pid, 'user')] : [])]
  const child = cloneStep(p, { flags: [], control, keep })
  for (const fd of keep) p.close(fd)
  return child
}

/**
 * Joins what a child keeps. An ordinary user has rights over a network only within the user namespace that owns it
 * (user_namespaces(7)): where the kernel says EPERM that one is joined first.
 */
export function* joinKept(source: NamespaceSource): Exchange<void> {
  const hasUser = 'pid' in source
  try {
    yield joinSteps(hasUser, false)
  } catch (error) {
    if (!hasUser || !(error instanceof SyscallError) || error.errno !== 'EPERM') throw error
    yield joinSteps(hasUser, true)
  }
}

function joinSteps(hasUser: boolean, joinsUser: boolean): Program {
  const p = program()
  p.because('netlink', 'Stands in the network namespace')
  if (joinsUser) p.setns(KEPT + 1, 'CLONE_NEWUSER')
  p.setns(KEPT, 'CLONE_NEWNET')
  p.close(KEPT)
  if (hasUser) p.close(KEPT + 1)
  return p
}

/** A device whose other side is a descriptor: packets of IP (tun) or frames of Ethernet (tap). */
export interface TunDevice {
  readonly kind: 'tun' | 'tap'
  /** `tap%d` lets the kernel put the first free number */
  readonly name: string
  /** Whether it stays when its descriptor is closed; `createTun` closes it then */
  readonly persist?: boolean
  /** Who may open a persistent one: a user id, a group id */
  readonly owner?: number
  readonly group?: number
  /** Four bytes in front of each packet: flags and protocol */
  readonly packetInfo?: boolean
  /** `struct virtio_net_hdr` in front of each packet */
  readonly vnetHeader?: boolean
  readonly multiQueue?: boolean
}

/** IFNAMSIZ: the name of `struct ifreq`; a union of 24 bytes is behind it */
const NAME = 16
const IFREQ = 40

/** Adds the making of a device by /dev/net/tun. `request` is the `struct ifreq` as the kernel left it: its name is in there. */
export function tunSteps(p: Program, device: TunDevice): { readonly fd: Ref<Fd>; readonly request: Ref<Uint8Array> } {
  const keys = ['kind', 'name', 'persist', 'owner', 'group', 'packetInfo', 'vnetHeader', 'multiQueue']
  checkKeys(device, keys, 'A tun device')
  const { persist, owner, group } = device
  const ifreq = new Uint8Array(IFREQ)
  ifreq.set(new TextEncoder().encode(checkLinkName(device.name, 'name', { template: true })))
  ifreq.set(u32(tunFlags(device)).subarray(0, 2), NAME)
  p.because('tun', `Makes the device ${device.name}`)
  const fd = p.openat('AT_FDCWD', '/dev/net/tun', ['O_RDWR', 'O_CLOEXEC'])
  const request = p.ioctlUpdate(fd, 'TUNSETIFF', ifreq)
  if (owner !== undefined) p.ioctl(fd, 'TUNSETOWNER', checkNumber(owner, 'owner', 0, 0xffff_fffe))
  if (group !== undefined) p.ioctl(fd, 'TUNSETGROUP', checkNumber(group, 'group', 0, 0xffff_fffe))
  // Last: what fails before leaves no device behind.
  if (persist !== undefined && checkBoolean(persist, 'persist')) p.ioctl(fd, 'TUNSETPERSIST', 1)
  return { fd, request }
}

function tunFlags(device: TunDevice): number {
  if (device.kind !== 'tun' && device.kind !== 'tap') {
    throw new InvalidInputError('kind must be tun or tap', { field: 'kind' })
  }
  // Without IFF_TUN_EXCL a persistent device of that name would be taken for the new one.
  const flags: TunFlag[] = [device.kind === 'tun' ? 'IFF_TUN' : 'IFF_TAP', 'IFF_TUN_EXCL']
  if (device.packetInfo !== true) flags.push('IFF_NO_PI')
  if (device.vnetHeader === true) flags.push('IFF_VNET_HDR')
  if (device.multiQueue === true) flags.push('IFF_MULTI_QUEUE')
  return Number(flagsValue(TUN_FLAGS, flags, machineArch(), 'flags'))
}

/** The name in a `struct ifreq`. */
export function nameIn(request: Uint8Array): string {
  const end = request.indexOf(0)
  return new TextDecoder().decode(request.subarray(0, end < 0 || end > NAME ? NAME : end))
}
