import { refuse } from '../../bundle/config/fields.ts'
import type { ContainerConfig, NamespaceName } from './container-config.ts'

/** __NEW_UTS_LEN, sethostname(2) */
const LONGEST_NAME = 64

/** What fields say of each other. @throws InvalidInputError */
export function checkTogether(config: ContainerConfig): void {
  const { hostname, namespaces, mountLabel } = config
  const has = (type: NamespaceName): boolean => namespaces.some((each) => each.type === type)
  if (!has('NEWNS')) refuse('/namespaces', 'must have NEWNS: without it the container’s mounts would be the host’s')
  if (hostname !== undefined) {
    if (!has('NEWUTS')) refuse('/hostname', 'would be the host’s: add NEWUTS to /namespaces')
    if (new TextEncoder().encode(hostname).length > LONGEST_NAME) {
      refuse('/hostname', `must be at most ${LONGEST_NAME} bytes long (sethostname(2)): shorten it`)
    }
  }
  if (mountLabel?.includes('"')) refuse('/mount_config/mount_label', 'must be an SELinux context, which has no quote')
  checkMappings(config, has('NEWUSER'))
  checkNetworks(config)
}

function checkMappings({ uidMappings, gidMappings }: ContainerConfig, hasUser: boolean): void {
  if (!hasUser && uidMappings) refuse('/uid_mappings', 'needs a user namespace: add NEWUSER to /namespaces')
  if (!hasUser && gidMappings) refuse('/gid_mappings', 'needs a user namespace: add NEWUSER to /namespaces')
  const [missing, other] = uidMappings ? ['gid', 'uid'] : ['uid', 'gid']
  if (Boolean(uidMappings) !== Boolean(gidMappings)) {
    refuse(`/${missing}_mappings`, `is missing beside ${other}_mappings: a user namespace maps users and groups`)
  }
}

/** Interfaces are set up in a new network namespace alone: any other is somebody else's. */
function checkNetworks({ networks, routes, namespaces }: ContainerConfig): void {
  const net = namespaces.find(({ type }) => type === 'NEWNET')
  const joined = networks.find((each) => each.type === 'netns')
  if (joined && net) {
    refuse('/namespaces', `must not join ${net.path} beside networks, which join ${joined.nsPath}: take NEWNET out`)
  }
  const field = networks.length > 0 && !joined ? '/networks' : routes.length > 0 ? '/routes' : undefined
  if (field && joined) refuse(field, 'would change a network that is set up already: take it out')
  if (field && !net) refuse(field, 'would change the network of the host: add NEWNET to /namespaces')
  if (field && net?.path !== undefined) {
    refuse(field, `would change the network of others, ${net.path}: take it out, or take path of NEWNET out`)
  }
  if (routes.length === 0) return
  const names = new Set(networks.map((each) => (each.type === 'veth' ? each.name : 'lo')))
  routes.forEach(({ interfaceName }, index) => {
    if (!names.has(interfaceName)) {
      refuse(
        `/routes/${index}/interface_name`,
        `is ${interfaceName}, which no entry of networks makes: use ${[...names].join(' or ') || 'one that is there'}`,
      )
    }
  })
}
