import type { Namespace, NamespaceType } from '../../bundle/spec.ts'
import type { ContainerConfig, NamespaceName } from '../container-json/container-config.ts'

/** Words of the OCI specification for namespaces */
export const NAMESPACE_TYPES_BY_NAME: Readonly<Record<NamespaceName, NamespaceType>> = {
  NEWNS: 'mount',
  NEWUTS: 'uts',
  NEWIPC: 'ipc',
  NEWUSER: 'user',
  NEWPID: 'pid',
  NEWNET: 'network',
  NEWCGROUP: 'cgroup',
  NEWTIME: 'time',
}

/** `linux.namespaces`: those of a container, and the network that it joins by an entry of `networks`. */
export function ociNamespaces({ namespaces, networks }: ContainerConfig): readonly Namespace[] {
  const joined = networks.flatMap((each) => (each.type === 'netns' ? [each.nsPath] : []))
  return [
    ...namespaces.map(({ type, path }) => ({
      type: NAMESPACE_TYPES_BY_NAME[type],
      ...(path !== undefined && { path }),
    })),
    ...joined.map((path) => ({ type: 'network' as const, path })),
  ]
}

/** Whether a container gets a new namespace, joins one, or shares that of whoever starts it. */
export function namespaceOf(
  { namespaces, networks }: ContainerConfig,
  type: NamespaceName,
): 'new' | 'joined' | 'shared' {
  if (type === 'NEWNET' && networks.some((each) => each.type === 'netns')) return 'joined'
  const found = namespaces.find((each) => each.type === type)
  if (!found) return 'shared'
  return found.path === undefined ? 'new' : 'joined'
}
