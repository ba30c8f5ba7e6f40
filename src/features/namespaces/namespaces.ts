import type { CloneFlag } from '../../linux/tables/clone.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import { CAPABILITIES } from '../../linux/tables/capabilities.ts'
import type { Program } from '../../program/builder.ts'

/** Which network a sandbox has: its own with nothing but `lo`, or the host's. */
export type Net = 'none' | 'host'

/**
 * Namespaces that must exist from a process's birth: a pid namespace only ever holds children, and a user namespace made by
 * clone gives the child its capabilities before it needs them (user_namespaces(7)).
 */
export const BIRTH_NAMESPACES: readonly CloneFlag[] = ['CLONE_NEWUSER', 'CLONE_NEWPID']

/**
 * How the network of a sandbox comes to be: `own` is made by its first process, `inherited` is one that its maker was in alone
 * (the cradle), `host` is the host's.
 */
export type Network = 'own' | 'inherited' | 'host'

/** Capabilities whose object is a network namespace: they only count in one that the sandbox's user namespace owns. */
const NETWORK_CAPABILITIES = ['CAP_NET_BIND_SERVICE', 'CAP_NET_BROADCAST', 'CAP_NET_ADMIN', 'CAP_NET_RAW'] as const

/** Whether a sandbox can do with a network namespace that is not its own property. */
export const mayInheritNetwork = (capabilities: readonly number[]): boolean =>
  !NETWORK_CAPABILITIES.some((name) => capabilities.includes(CAPABILITIES.values[name]))

/** Namespaces that the new process makes itself, at the same time as its parent prepares ids and groups for it. */
function ownNamespaces(network: Network): readonly CloneFlag[] {
  const always: readonly CloneFlag[] = ['CLONE_NEWNS', 'CLONE_NEWUTS', 'CLONE_NEWIPC', 'CLONE_NEWTIME']
  return network === 'own' ? [...always, 'CLONE_NEWNET'] : always
}

export function unshareSteps(p: Program, network: Network): void {
  p.because(
    'namespaces',
    'Made by the sandbox’s own process while its parent writes id maps and groups: the two overlap',
  )
  p.unshare(ownNamespaces(network))
}

/** Leaves the network namespace that the last child was born into to it, and makes the next one. */
export function freshNetworkSteps(p: Program): void {
  p.because('network', 'The next sandbox is born into it: made while the one before is busy')
  p.unshare(['CLONE_NEWNET'])
  loopbackSteps(p)
}

/** After the process is in its groups: the cgroup namespace's root is where the process is now (cgroup_namespaces(7)). */
export function cgroupNamespaceSteps(p: Program): void {
  p.because('namespaces', 'Only now: the root of a cgroup namespace is the group that its maker is in')
  p.unshare(['CLONE_NEWCGROUP'])
}

/** Brings `lo` up: a new network namespace has it, but down. */
export function loopbackSteps(p: Program): void {
  p.because('network', 'Programs expect 127.0.0.1; a new network namespace has lo, but down')
  const socket = p.socket('AF_INET', ['SOCK_DGRAM', 'SOCK_CLOEXEC'], 0) as Ref<Fd>
  p.ioctl(socket, 'SIOCSIFFLAGS', loopbackUp())
  p.close(socket)
}

/** struct ifreq of linux/if.h: 16 bytes of name, then the flags. */
function loopbackUp(): Uint8Array {
  const request = new Uint8Array(40)
  request.set(new TextEncoder().encode('lo'))
  const IFF_UP = 1
  new DataView(request.buffer).setInt16(16, IFF_UP, true)
  return request
}
