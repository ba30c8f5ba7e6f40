import type { Arch } from '../linux/arch.ts'
import { defaultSeccomp } from './default-seccomp.ts'
import { OCI_VERSIONS } from './oci-versions.ts'
import type { Capabilities, Config, IdMapping, Mount, NamespaceType } from './spec.ts'

/** What `spec --rootless` has to know about whoever asks. */
export interface DefaultConfigOptions {
  readonly arch: Arch
  /** Numbers of the user; absent: a container made by root */
  readonly rootless?: { readonly uid: number; readonly gid: number }
}

/** Enough for a server that binds its port, writes its log and ends its children. */
const CAPABILITIES = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE']
const NAMESPACES: readonly NamespaceType[] = ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup']

/** What tells of the host, or leads into its kernel. */
export const MASKED_PATHS: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
]
/** What changes the host, for as far as a container may read it. */
export const READONLY_PATHS: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
]

/** The document that `spec` writes: a shell with few rights in new namespaces, to be edited. */
export function defaultConfig({ arch, rootless }: DefaultConfigOptions): Config {
  return {
    ociVersion: OCI_VERSIONS.newest,
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ['sh'],
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'],
      cwd: '/',
      capabilities: capabilities(),
      rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    hostname: 'carrel',
    mounts: mounts(rootless !== undefined),
    linux: {
      namespaces: (rootless ? rootlessNamespaces() : NAMESPACES).map((type) => ({ type })),
      ...(rootless && { uidMappings: oneId(rootless.uid), gidMappings: oneId(rootless.gid) }),
      // An ordinary user can limit devices nowhere, and makes none.
      ...(!rootless && { resources: { devices: [{ allow: false, access: 'rwm' }] } }),
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
      seccomp: defaultSeccomp(arch),
    },
  }
}

/** No inheritable and no ambient ones, which a program without privileges would pass on (CVE-2022-29162). */
const capabilities = (): Capabilities => ({ bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES })

/** A user namespace first; the host's network, because an ordinary user cannot connect a new one. */
const rootlessNamespaces = (): readonly NamespaceType[] => ['user', ...NAMESPACES.filter((type) => type !== 'network')]

const oneId = (hostID: number): readonly IdMapping[] => [{ containerID: 0, hostID, size: 1 }]

function mounts(rootless: boolean): readonly Mount[] {
  return [
    // With one id mapped there is no group tty.
    ...usualMounts({ tty: !rootless }),
    // sysfs belongs to the network namespace, so that with the host's it can only be bound (mount_namespaces(7)).
    rootless
      ? { destination: '/sys', type: 'none', source: '/sys', options: ['rbind', 'nosuid', 'noexec', 'nodev', 'ro'] }
      : { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
    },
  ]
}

/** What is mounted in every container, but for what shows its network and its groups; `tty`: whether group 5 has an id in it */
export function usualMounts({ tty }: { readonly tty: boolean }): readonly Mount[] {
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'noexec', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', ...(tty ? ['gid=5'] : [])],
    },
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  ]
}
