import { InvalidInputError } from '../../base/errors.ts'
import { MASKED_PATHS, READONLY_PATHS } from '../../bundle/default-config.ts'
import { defaultSeccomp } from '../../bundle/default-seccomp.ts'
import { OCI_VERSIONS } from '../../bundle/oci-versions.ts'
import type { Capabilities, Config, IdMapping, Linux, Process, User } from '../../bundle/spec.ts'
import type { Arch } from '../../linux/arch.ts'
import type { ContainerConfig, IdRange } from '../container-json/container-config.ts'
import { networksDocument, routesDocument } from '../container-json/format-container-json.ts'
import { ANNOTATIONS, type NamedUser } from './annotations.ts'
import { deviceRules, ociDevices } from './devices.ts'
import { ociMount, systemMounts } from './mounts.ts'
import { namespaceOf, ociNamespaces } from './namespaces.ts'
import { ociCgroupsPath, ociResources } from './resources.ts'
import type { ResolvedUser } from './resolve-user.ts'

/** What a container.json does not say. */
export interface OciFacts {
  readonly arch: Arch
  /** The command with its arguments */
  readonly args: readonly string[]
  /** `user` of the configuration by `resolveUser` */
  readonly user: ResolvedUser
  /** Numbers of an ordinary user who starts the container */
  readonly rootless?: { readonly uid: number; readonly gid: number }
}

/** Files are not written by group and others unless a program says so; 2014's program had the same. */
const UMASK = 0o022

/**
 * The configuration of the OCI specification that makes the same container. Its bundle is the directory of container.json.
 * @throws InvalidInputError for a user namespace without mappings, and for an ordinary user without a user namespace
 */
export function toOci(config: ContainerConfig, facts: OciFacts): Config {
  const { hostname, rootFs, readonlyFs, mounts } = config
  const maps = idMappings(config, facts)
  return {
    ociVersion: OCI_VERSIONS.newest,
    process: ociProcess(config, facts, maps),
    root: { path: rootFs ?? '.', ...(readonlyFs && { readonly: true }) },
    ...(hostname !== undefined && { hostname }),
    mounts: [...systemMounts(config, maps?.gidMappings), ...mounts.map(ociMount)],
    annotations: annotationsOf(config, facts, maps),
    linux: ociLinux(config, facts, maps),
  }
}

interface IdMaps {
  readonly uidMappings: readonly IdMapping[]
  readonly gidMappings: readonly IdMapping[]
}

function idMappings(config: ContainerConfig, { rootless }: OciFacts): IdMaps | undefined {
  const user = namespaceOf(config, 'NEWUSER')
  if (rootless && user === 'shared') {
    refuse('/namespaces', 'must have NEWUSER, because only root makes the others without it: add it')
  }
  if (user !== 'new') return undefined
  const { uidMappings, gidMappings } = config
  if (uidMappings && gidMappings) {
    return { uidMappings: uidMappings.map(ociMapping), gidMappings: gidMappings.map(ociMapping) }
  }
  if (rootless) return { uidMappings: oneId(rootless.uid), gidMappings: oneId(rootless.gid) }
  const remedy = 'add uid_mappings and gid_mappings, [{"container_id": 0, "host_id": 100000, "size": 65536}]'
  return refuse(
    '/uid_mappings',
    `is missing: NEWUSER needs to know which users of the host the container’s are; ${remedy}`,
  )
}

const ociMapping = ({ containerId, hostId, size }: IdRange): IdMapping => ({
  containerID: containerId,
  hostID: hostId,
  size,
})

const oneId = (hostID: number): readonly IdMapping[] => [{ containerID: 0, hostID, size: 1 }]

function ociProcess(config: ContainerConfig, facts: OciFacts, maps: IdMaps | undefined): Process {
  const { tty, environment, workingDir, rlimits, noNewPrivileges, apparmorProfile, processLabel } = config
  return {
    ...(tty && { terminal: true }),
    user: ociUser(config, facts.user, maps),
    args: facts.args,
    env: environment,
    cwd: workingDir,
    capabilities: ociCapabilities(config),
    ...(rlimits.length > 0 && { rlimits }),
    ...(noNewPrivileges && { noNewPrivileges }),
    ...(apparmorProfile !== undefined && { apparmorProfile }),
    ...(processLabel !== undefined && { selinuxLabel: processLabel }),
  }
}

/** The user of a process; groups of the lists of users that a user namespace does not map cannot be had, and are left out. */
export function ociUser(
  { additionalGroups }: Pick<ContainerConfig, 'additionalGroups'>,
  { uid, gid, groups }: ResolvedUser,
  maps?: { readonly gidMappings?: readonly IdMapping[] },
): User {
  const additionalGids = [...mappedGroups(groups, maps?.gidMappings), ...additionalGroups]
  return { uid, gid, umask: UMASK, ...(additionalGids.length > 0 && { additionalGids }) }
}

/** With one id mapped, an ordinary user's own, setgroups(2) is denied (user_namespaces(7)). */
function mappedGroups(groups: readonly number[], gids: readonly IdMapping[] | undefined): readonly number[] {
  if (!gids) return groups
  return groups.filter((gid) =>
    gids.some(({ containerID, size }) => size > 1 && containerID <= gid && gid < containerID + size),
  )
}

/**
 * All but the named ones are gone from every set. A program of root holds them; one of an ordinary user only those that are ambient too,
 * the others can be had by programs with capabilities of their own (capabilities(7)). None is inheritable without being ambient (CVE-2022-29162).
 */
function ociCapabilities({ capabilities, ambientCapabilities }: ContainerConfig): Capabilities {
  const kept = { bounding: capabilities, permitted: capabilities, effective: capabilities }
  if (ambientCapabilities.length === 0) return kept
  return { ...kept, inheritable: ambientCapabilities, ambient: ambientCapabilities }
}

function ociLinux(config: ContainerConfig, { arch, rootless }: OciFacts, maps: IdMaps | undefined): Linux {
  const { cgroups, deviceNodes, restrictions, seccomp, mountLabel, noPivotRoot } = config
  const cgroupsPath = ociCgroupsPath(cgroups)
  // An ordinary user says nothing of devices, and can make none.
  const hasRules = !rootless || cgroups.allowedDevices.length > 0
  const resources = { ...ociResources(cgroups), ...(hasRules && { devices: deviceRules(config) }) }
  return {
    namespaces: ociNamespaces(config),
    ...maps,
    ...(deviceNodes.length > 0 && { devices: ociDevices(config) }),
    ...(cgroupsPath !== undefined && { cgroupsPath }),
    ...(Object.keys(resources).length > 0 && { resources }),
    rootfsPropagation: noPivotRoot ? 'slave' : 'private',
    ...(restrictions === 'default' && { maskedPaths: MASKED_PATHS, readonlyPaths: READONLY_PATHS }),
    ...(seccomp === 'default' && { seccomp: defaultSeccomp(arch) }),
    ...(mountLabel !== undefined && { mountLabel }),
  }
}

function annotationsOf(config: ContainerConfig, facts: OciFacts, maps: IdMaps | undefined) {
  const { networks, routes, cgroups, noPivotRoot, user } = config
  const { uid, gid, groups } = facts.user
  const named: NamedUser = { user, uid, gid, groups: mappedGroups(groups, maps?.gidMappings) }
  return {
    [ANNOTATIONS.user]: JSON.stringify(named),
    ...(networks.length > 0 && { [ANNOTATIONS.networks]: JSON.stringify(networksDocument(networks)) }),
    ...(routes.length > 0 && { [ANNOTATIONS.routes]: JSON.stringify(routesDocument(routes)) }),
    ...(cgroups.freezer === 'FROZEN' && { [ANNOTATIONS.freezer]: cgroups.freezer }),
    ...(noPivotRoot && { [ANNOTATIONS.noPivotRoot]: 'true' }),
  }
}

function refuse(at: string, rule: string): never {
  throw new InvalidInputError(`${at} ${rule}`, { field: at })
}
