import { InvalidInputError } from '../../base/errors.ts'
import { parseJson } from '../../bundle/config/parse-json.ts'
import type { Capabilities, Config, IdMapping, Process, User } from '../../bundle/spec.ts'
import type { Arch } from '../../linux/arch.ts'
import type { ContainerConfig, NamespaceName } from '../container-json/container-config.ts'
import { parseContainerJson } from '../container-json/parse-container-json.ts'
import { writeJson } from '../container-json/write-json.ts'
import { ANNOTATIONS, type NamedUser } from './annotations.ts'
import { accessDocument, nodeDocument } from './devices.ts'
import { differences } from './differences.ts'
import { mountDocument, SYSTEM_MOUNTS } from './mounts.ts'
import { NAMESPACE_TYPES_BY_NAME } from './namespaces.ts'
import { cgroupsDocument } from './resources.ts'
import { toOci } from './to-oci.ts'

/** The container.json of a configuration of the OCI specification, and what of it that cannot say. */
export interface FromOci {
  readonly config: ContainerConfig
  /** Sentences that begin with a JSON pointer of the OCI document */
  readonly notes: readonly string[]
}

/**
 * The container.json that makes the same container, as nearly as there is one; `fromOci(toOci(x))` is `x` without a note.
 * @throws InvalidInputError with a pointer of container.json where there is none at all: without a mount namespace
 */
export function fromOci(oci: Config, { arch }: { readonly arch: Arch }): FromOci {
  const config = parseContainerJson(writeJson(documentOf(oci)))
  const user = { ...numbersOf(oci.process?.user), groups: namedUser(oci)?.groups ?? [] }
  const again = toOci(config, { arch, args: oci.process?.args ?? [], user })
  return { config, notes: differences(withPermissions(oci), again) }
}

/** Engines write the type of a node into its mode too. */
function withPermissions(oci: Config): Config {
  const devices = oci.linux?.devices?.map((each) =>
    each.fileMode === undefined ? each : { ...each, fileMode: each.fileMode & 0o777 },
  )
  return devices ? { ...oci, linux: { ...oci.linux, devices } } : oci
}

type Document = Readonly<Record<string, unknown>>

function documentOf(oci: Config): Document {
  const { root, linux = {}, process, hostname } = oci
  return present({
    root_fs: root?.path === '.' ? undefined : root?.path,
    mount_config: present({
      no_pivot_root: annotation(oci, 'noPivotRoot') === 'true',
      readonly_fs: root?.readonly,
      mounts: mountsOf(oci),
      device_nodes: linux.devices?.map(nodeDocument),
      mount_label: linux.mountLabel,
    }),
    hostname,
    ...(process && processDocument(oci, process)),
    namespaces: namespacesOf(oci),
    uid_mappings: linux.uidMappings?.map(rangeOf),
    gid_mappings: linux.gidMappings?.map(rangeOf),
    seccomp: linux.seccomp ? 'default' : 'unconfined',
    restrict_sys: (linux.maskedPaths?.length ?? 0) + (linux.readonlyPaths?.length ?? 0) > 0,
    networks: jsonAnnotation(oci, 'networks'),
    routes: jsonAnnotation(oci, 'routes'),
    cgroups: present({
      ...cgroupsDocument(linux),
      ...accessDocument(linux.resources?.devices ?? [], linux.devices ?? []),
      freezer: annotation(oci, 'freezer'),
    }),
  })
}

function processDocument(oci: Config, process: Process): Document {
  const { terminal, env, cwd, capabilities, rlimits, noNewPrivileges, apparmorProfile, selinuxLabel } = process
  return {
    ...userDocument(oci, process.user),
    working_dir: cwd,
    environment: env,
    tty: terminal,
    capabilities: keptOf(capabilities),
    ambient_capabilities: capabilities?.ambient,
    no_new_privileges: noNewPrivileges ?? false,
    rlimits,
    apparmor_profile: apparmorProfile,
    process_label: selinuxLabel,
  }
}

/** What a program could have in any way. */
const keptOf = ({
  bounding = [],
  permitted = [],
  effective = [],
  ambient = [],
}: Capabilities = {}): readonly string[] => [...new Set([...bounding, ...permitted, ...effective, ...ambient])]

function userDocument(oci: Config, user: User | undefined): Document {
  const { uid, gid } = numbersOf(user)
  const named = namedUser(oci)
  const groups = user?.additionalGids ?? []
  if (!named) return { user: `${uid}:${gid}`, additional_groups: groups }
  return { user: named.user, additional_groups: groups.slice(named.groups.length) }
}

const numbersOf = (user: User | undefined) => ({ uid: user?.uid ?? 0, gid: user?.gid ?? 0 })

/** The name that the user had; somebody who changed the numbers since then means the numbers. */
function namedUser(oci: Config): NamedUser | undefined {
  const named = jsonAnnotation(oci, 'user') as Partial<NamedUser> | undefined
  const { uid, gid } = numbersOf(oci.process?.user)
  if (typeof named?.user !== 'string' || named.uid !== uid || named.gid !== gid) return undefined
  const groups: readonly unknown[] = Array.isArray(named.groups) ? named.groups : []
  const actual = oci.process?.user?.additionalGids ?? []
  return groups.every((each, index) => each === actual[index]) ? (named as NamedUser) : undefined
}

/** Without the network that an entry of `networks` joins. */
function namespacesOf(oci: Config): readonly object[] {
  const names = Object.entries(NAMESPACE_TYPES_BY_NAME) as readonly [NamespaceName, string][]
  const networks = jsonAnnotation(oci, 'networks')
  const joined = Array.isArray(networks) ? networks.map((each) => (each as Document | null)?.['ns_path']) : []
  return (oci.linux?.namespaces ?? [])
    .filter(({ type, path }) => !(type === 'network' && path !== undefined && joined.includes(path)))
    .map(({ type, path }) => present({ type: names.find(([, word]) => word === type)?.[0], path }))
}

const rangeOf = ({ containerID, hostID, size }: IdMapping): object => ({
  container_id: containerID,
  host_id: hostID,
  size,
})

/** Mounts besides the first of each kind and place that every container has. */
function mountsOf(oci: Config): readonly object[] {
  const system = new Set(SYSTEM_MOUNTS.keys())
  return (oci.mounts ?? []).flatMap((mount) => {
    const types = SYSTEM_MOUNTS.get(mount.destination)
    const isSystem = types?.includes(mount.type ?? '') && system.delete(mount.destination)
    return isSystem ? [] : (mountDocument(mount) ?? [])
  })
}

function annotation({ annotations = {} }: Config, name: keyof typeof ANNOTATIONS): string | undefined {
  return annotations[ANNOTATIONS[name]]
}

function jsonAnnotation(oci: Config, name: 'networks' | 'routes' | 'user'): unknown {
  const text = annotation(oci, name)
  if (text === undefined) return undefined
  const at = `/annotations/${ANNOTATIONS[name]}`
  try {
    return parseJson(text, at)
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error
    throw new InvalidInputError(error.message, { field: at, cause: error })
  }
}

const present = (values: Document): Document =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
