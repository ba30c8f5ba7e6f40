import type { Arch } from '../linux/arch.ts'
import { CAPABILITIES } from '../linux/tables/capabilities.ts'
import { SECCOMP_ACTIONS, SECCOMP_FLAGS, SECCOMP_OPERATORS } from './config/check-seccomp.ts'
import { MEMORY_POLICY_FLAGS, MEMORY_POLICY_MODES } from './config/check-placement.ts'
import { MOUNT_OPTIONS } from './mounts/mount-options.ts'
import { OCI_VERSIONS } from './oci-versions.ts'
import { HOOK_KINDS, NAMESPACE_TYPES } from './spec.ts'

/** Architectures whose calls a filter decides on each machine; others are killed. */
const SECCOMP_ARCHS: Readonly<Record<Arch, readonly string[]>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64'],
}

/** What each kind of option has a recursive form of, as `ro` has `rro`. */
const RECURSIVE: readonly string[] = ['set', 'clear', 'atime', 'propagation']

/**
 * The document that `features` prints, features.md: what the runtime implements, whatever this host has.
 * @param version the runtime's own
 */
export function featuresDocument({ arch, version }: { readonly arch: Arch; readonly version: string }): object {
  return {
    ociVersionMin: OCI_VERSIONS.oldest,
    ociVersionMax: OCI_VERSIONS.newest,
    hooks: HOOK_KINDS,
    mountOptions: mountOptions(),
    linux: {
      namespaces: [...NAMESPACE_TYPES].sort(),
      capabilities: Object.keys(CAPABILITIES.values),
      cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
      seccomp: {
        enabled: true,
        actions: [...SECCOMP_ACTIONS].sort(),
        operators: [...SECCOMP_OPERATORS].sort(),
        archs: SECCOMP_ARCHS[arch],
        knownFlags: SECCOMP_FLAGS,
        supportedFlags: SECCOMP_FLAGS,
      },
      apparmor: { enabled: true },
      selinux: { enabled: true },
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
      memoryPolicy: { modes: MEMORY_POLICY_MODES, flags: MEMORY_POLICY_FLAGS },
    },
    annotations: { 'dev.carrel.version': version },
    // No annotation of a configuration changes what this runtime does.
    potentiallyUnsafeConfigAnnotations: [],
  }
}

function mountOptions(): readonly string[] {
  const recursive = Object.entries(MOUNT_OPTIONS).filter(([, [kind]]) => RECURSIVE.includes(kind))
  return [...Object.keys(MOUNT_OPTIONS), ...recursive.map(([name]) => `r${name}`)].sort()
}
