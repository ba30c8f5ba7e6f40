import type { Capability } from '../../linux/tables/capabilities.ts'

/**
 * A container.json as this program understands it: one form for both generations of 2014 (flat with a free `context`, then nested), checked,
 * with every default written out. What is absent here was not asked for.
 */
export interface ContainerConfig {
  /** Directory that becomes the root, absolute or relative to that of container.json; absent: the working directory */
  readonly rootFs?: string
  readonly readonlyFs: boolean
  /** The root is moved onto "/" and entered by chroot(2): for roots on a ramdisk */
  readonly noPivotRoot: boolean
  readonly hostname?: string
  /** `name`, `uid`, `user:group`; looked up in the container's own lists by `resolveUser` */
  readonly user: string
  /** Groups besides those of the user */
  readonly additionalGroups: readonly number[]
  /** Absolute, in the container */
  readonly workingDir: string
  /** `K=V`, the whole environment but HOME, which comes of the container's list of users when it is not here */
  readonly environment: readonly string[]
  readonly tty: boolean
  /** New or joined; a type that is not here is shared with whoever starts the container. Always has NEWNS */
  readonly namespaces: readonly ContainerNamespace[]
  /** Of a new user namespace; absent: an ordinary user is root in it */
  readonly uidMappings?: readonly IdRange[]
  readonly gidMappings?: readonly IdRange[]
  /** What is kept; the rest is dropped from every set */
  readonly capabilities: readonly Capability[]
  /** Those of `capabilities` that a program of an ordinary user really holds */
  readonly ambientCapabilities: readonly Capability[]
  readonly noNewPrivileges: boolean
  readonly seccomp: 'default' | 'unconfined'
  /** `default`: /proc/sys and its like are read-only, the rest of what tells of the host is covered, /sys is read-only */
  readonly restrictions: 'default' | 'none'
  readonly apparmorProfile?: string
  /** SELinux label of the processes */
  readonly processLabel?: string
  /** SELinux label of the mounts */
  readonly mountLabel?: string
  readonly rlimits: readonly ContainerRlimit[]
  /** In the order in which they are mounted */
  readonly mounts: readonly ContainerMount[]
  /** Nodes besides null, zero, full, random, urandom and tty, or instead of them; to be used they must be allowed too */
  readonly deviceNodes: readonly DeviceNode[]
  /** What is set up in the new network namespace, whose loopback is up in any case */
  readonly networks: readonly ContainerNetwork[]
  readonly routes: readonly ContainerRoute[]
  readonly cgroups: ContainerCgroups
}

/** 2014's six, and two that kernels have got since */
export const NAMESPACE_NAMES = [
  'NEWNS',
  'NEWUTS',
  'NEWIPC',
  'NEWUSER',
  'NEWPID',
  'NEWNET',
  'NEWCGROUP',
  'NEWTIME',
] as const
export type NamespaceName = (typeof NAMESPACE_NAMES)[number]

export interface ContainerNamespace {
  readonly type: NamespaceName
  /** File of a namespace to join, absolute; absent: a new one */
  readonly path?: string
}

export interface IdRange {
  readonly containerId: number
  readonly hostId: number
  readonly size: number
}

export interface ContainerRlimit {
  /** `RLIMIT_NOFILE` */
  readonly type: string
  /** 2^64-1 is no limit; bigint above 2^53 */
  readonly soft: number | bigint
  readonly hard: number | bigint
}

export interface ContainerMount {
  readonly type: 'bind' | 'tmpfs'
  /** Of a bind: absolute, or relative to the directory of container.json; empty for a tmpfs */
  readonly source: string
  /** Absolute, in the container */
  readonly destination: string
  /** Else read-only, with everything that is mounted below */
  readonly writable: boolean
  /** Nothing that is mounted below on the host later is seen, whatever the root does */
  readonly private: boolean
}

export interface DeviceNode {
  readonly type: 'c' | 'b'
  readonly path: string
  readonly major: number
  readonly minor: number
  /** Permissions alone */
  readonly fileMode: number
  readonly uid: number
  readonly gid: number
}

/** What the processes may do with devices of a number, however they get at a node. */
export interface DeviceAccess {
  readonly type: 'c' | 'b'
  /** -1: every one */
  readonly major: number
  readonly minor: number
  /** Letters of `rwm`, in this order: read, write, make a node */
  readonly permissions: string
}

/** Addresses are canonical text; those of interfaces have the length of their network, `172.17.42.2/16` */
export type ContainerNetwork = LoopbackNetwork | VethNetwork | JoinedNetwork

/** The loopback interface, up. The kernel gives it 127.0.0.1/8 and ::1/128 itself. */
export interface LoopbackNetwork {
  readonly type: 'loopback'
  /** One besides the kernel's own, or that one, 127.0.0.1/8 */
  readonly address?: string
  /** Bytes */
  readonly mtu?: number
}

/** A pair of interfaces: one end in a bridge of the host, one in the container. */
export interface VethNetwork {
  readonly type: 'veth'
  /** In the container; the first is `eth0` unless it says otherwise */
  readonly name: string
  /** Interface of the host */
  readonly bridge: string
  /** A bridge that is not there is made, with the gateways as its addresses */
  readonly createBridge?: true
  /** How names of the host's ends begin; default `veth` */
  readonly vethPrefix: string
  /** `02:42:ac:11:00:02` in lower case */
  readonly macAddress?: string
  readonly address?: string
  readonly gateway?: string
  readonly ipv6Address?: string
  readonly ipv6Gateway?: string
  /** Bytes */
  readonly mtu?: number
  /** Packets */
  readonly txQueueLength?: number
}

/** A network namespace that somebody else made; it is the only entry of `networks`, and NEWNET is not among the namespaces. */
export interface JoinedNetwork {
  readonly type: 'netns'
  /** Absolute */
  readonly nsPath: string
}

/** At least one of destination, source and gateway is there; all are of one family. */
export interface ContainerRoute {
  /** With length; absent: the default route */
  readonly destination?: string
  /** Address that packets are sent from */
  readonly source?: string
  readonly gateway?: string
  /** Interface in the container; always there */
  readonly interfaceName: string
}

export interface ContainerCgroups {
  /** Of the group itself; absent: chosen by whoever starts the container */
  readonly name?: string
  /** Group that it is made in: absolute is below the root of the hierarchy, else below the group of whoever starts the container */
  readonly parent?: string
  /** Given: a scope of systemd in this slice, called `parent-name.scope` */
  readonly slice?: string
  readonly allowAllDevices: boolean
  /** Besides null, zero, full, random, urandom, tty, console, ptmx and pts */
  readonly allowedDevices: readonly DeviceAccess[]
  /** Bytes */
  readonly memory?: number
  /** Bytes that are left to it when the machine runs short */
  readonly memoryReservation?: number
  /** Memory and swap together, bytes; -1: no limit. With `memory` it is always there: twice as much unless it says otherwise */
  readonly memorySwap?: number
  /** Share of a contended CPU, where 1024 is what others have */
  readonly cpuShares?: number
  /** Microseconds of CPU time in each period; -1: no limit */
  readonly cpuQuota?: number
  /** Microseconds */
  readonly cpuPeriod?: number
  /** List format, `0-1` */
  readonly cpusetCpus?: string
  readonly cpusetMems?: string
  /** 10 to 1000 */
  readonly blkioWeight?: number
  /** State in which the container begins */
  readonly freezer: 'FROZEN' | 'THAWED'
}

/** How a container's group is made. */
export const cgroupManagerOf = ({ cgroups }: Pick<ContainerConfig, 'cgroups'>): 'cgroupfs' | 'systemd' =>
  cgroups.slice === undefined ? 'cgroupfs' : 'systemd'
