import { shortName } from './read-capabilities.ts'
import type {
  ContainerCgroups,
  ContainerConfig,
  ContainerMount,
  ContainerNetwork,
  ContainerRoute,
} from './container-config.ts'
import { writeJson } from './write-json.ts'

/** A container.json in the later form, with everything that is not as it would be without being said. `parseContainerJson` gives the same back. */
export function formatContainerJson(config: ContainerConfig): string {
  return `${writeJson(said(documentOf(config)))}\n`
}

type Values = Readonly<Record<string, unknown>>

function documentOf(config: ContainerConfig): Values {
  return {
    root_fs: config.rootFs,
    mount_config: said({
      no_pivot_root: config.noPivotRoot,
      readonly_fs: config.readonlyFs,
      mounts: config.mounts.map(mountOf),
      device_nodes: config.deviceNodes.map(({ type, path, major, minor, fileMode, uid, gid }) => ({
        type,
        path,
        major_number: major,
        minor_number: minor,
        file_mode: fileMode,
        ...said({ uid, gid }),
      })),
      mount_label: config.mountLabel,
    }),
    hostname: config.hostname,
    user: config.user === '0' ? undefined : config.user,
    additional_groups: config.additionalGroups,
    working_dir: config.workingDir === '/' ? undefined : config.workingDir,
    environment: config.environment,
    tty: config.tty,
    namespaces: config.namespaces,
    uid_mappings: config.uidMappings?.map(rangeOf),
    gid_mappings: config.gidMappings?.map(rangeOf),
    ...securityOf(config),
    rlimits: config.rlimits.map(({ type, ...limits }) => ({ type: type.slice('RLIMIT_'.length), ...limits })),
    networks: networksDocument(config.networks),
    routes: routesDocument(config.routes),
    cgroups: cgroupsOf(config.cgroups),
  }
}

const securityOf = (config: ContainerConfig): Values => ({
  capabilities: config.capabilities.map(shortName),
  ambient_capabilities: config.ambientCapabilities.map(shortName),
  no_new_privileges: config.noNewPrivileges ? undefined : OFF,
  seccomp: config.seccomp === 'default' ? undefined : config.seccomp,
  restrict_sys: config.restrictions === 'default' ? undefined : OFF,
  apparmor_profile: config.apparmorProfile,
  process_label: config.processLabel,
})

const mountOf = ({ type, source, destination, ...flags }: ContainerMount): Values => ({
  type,
  ...said({ source }),
  destination,
  ...said(flags),
})

const rangeOf = ({ containerId, hostId, size }: { containerId: number; hostId: number; size: number }): Values => ({
  container_id: containerId,
  host_id: hostId,
  size,
})

/** Names of fields that are not the normal form's with an underscore before each capital. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  ipv6Address: 'ipv6_address',
  ipv6Gateway: 'ipv6_gateway',
  txQueueLength: 'txqueuelen',
}

const fieldName = (key: string): string =>
  OTHER_NAMES[key] ?? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const networkOf = (network: ContainerNetwork): Values =>
  Object.fromEntries(Object.entries(network).map(([key, value]) => [fieldName(key), value as unknown]))

/** `networks` in the words of container.json. */
export const networksDocument = (networks: readonly ContainerNetwork[]): readonly Values[] => networks.map(networkOf)

/** `routes` in the words of container.json. */
export const routesDocument = (routes: readonly ContainerRoute[]): readonly Values[] =>
  routes.map(({ interfaceName, ...addresses }) => ({ ...addresses, interface_name: interfaceName }))

function cgroupsOf({ allowedDevices, freezer, ...others }: ContainerCgroups): Values {
  return said({
    ...Object.fromEntries(Object.entries(others).map(([key, value]) => [fieldName(key), value])),
    allowed_devices: allowedDevices.map(({ type, major, minor, permissions }) => ({
      type,
      major_number: major,
      minor_number: minor,
      cgroup_permissions: permissions,
    })),
    freezer: freezer === 'FROZEN' ? freezer : undefined,
  })
}

/** A false that has to be said. */
const OFF = { off: true } as const

/** Without what means the same when it is left out. */
function said(values: Values): Values {
  const kept = Object.entries(values).filter(([, value]) => !isUnsaid(value))
  return Object.fromEntries(kept.map(([key, value]) => [key, value === OFF ? false : value]))
}

const isUnsaid = (value: unknown): boolean =>
  value === undefined ||
  value === false ||
  value === 0 ||
  value === '' ||
  (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
