import type { ContainerConfig } from '../container-json/container-config.ts'
import { systemMounts } from './mounts.ts'

/** Pointers into a configuration of the OCI specification, and the fields of container.json that they come of. */
const FIELDS: ReadonlyMap<string, string> = new Map([
  ['/process/terminal', '/tty'],
  ['/process/user', '/user'],
  ['/process/env', '/environment'],
  ['/process/cwd', '/working_dir'],
  ['/process/capabilities', '/capabilities'],
  ['/process/rlimits', '/rlimits'],
  ['/process/noNewPrivileges', '/no_new_privileges'],
  ['/process/apparmorProfile', '/apparmor_profile'],
  ['/process/selinuxLabel', '/process_label'],
  ['/root/path', '/rootfs'],
  ['/linux/namespaces', '/namespaces'],
  ['/linux/uidMappings', '/uid_mappings'],
  ['/linux/gidMappings', '/gid_mappings'],
  ['/linux/devices', '/mount_config/device_nodes'],
  ['/linux/cgroupsPath', '/cgroups/name'],
  ['/linux/resources/memory/limit', '/cgroups/memory'],
  ['/linux/resources/memory/reservation', '/cgroups/memory_reservation'],
  ['/linux/resources/memory/swap', '/cgroups/memory_swap'],
  ['/linux/resources/cpu/shares', '/cgroups/cpu_shares'],
  ['/linux/resources/cpu/quota', '/cgroups/cpu_quota'],
  ['/linux/resources/cpu/period', '/cgroups/cpu_period'],
  ['/linux/resources/cpu/cpus', '/cgroups/cpuset_cpus'],
  ['/linux/resources/cpu/mems', '/cgroups/cpuset_mems'],
  ['/linux/resources/blockIO/weight', '/cgroups/blkio_weight'],
  ['/linux/resources', '/cgroups'],
  ['/linux/seccomp', '/seccomp'],
  ['/linux/mountLabel', '/mount_config/mount_label'],
])

/** A pointer that begins a word, whole or up to a slash */
const POINTER = new RegExp(`(?<![\\w./-])(?:${[...FIELDS.keys()].join('|')})(?![\\w-])`, 'g')
const MOUNT = /(?<![\w./-])\/mounts\/(\d+)(?!\w)/g

/** What is said of the configuration that a container.json became, in the words of container.json; without that, mounts stay as they are. */
export function inOwnWords(text: string, config?: ContainerConfig): string {
  return text
    .replace(POINTER, (pointer) => FIELDS.get(pointer) as string)
    .replace(MOUNT, (pointer, digits: string) => (config ? mountIn(config, Number(digits)) : undefined) ?? pointer)
    .replace(/^\/process\/args\/0 /, 'The command ')
}

function mountIn(config: ContainerConfig, at: number): string | undefined {
  const index = at - systemMounts(config, undefined).length
  return index in config.mounts ? `/mount_config/mounts/${index}` : undefined
}
