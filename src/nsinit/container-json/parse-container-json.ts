import { checkText, refuse } from '../../bundle/config/fields.ts'
import { parseJson } from '../../bundle/config/parse-json.ts'
import type { Capability } from '../../linux/tables/capabilities.ts'
import { checkTogether } from './check-together.ts'
import type { ContainerConfig, ContainerNamespace } from './container-config.ts'
import { readRoute } from './read-addresses.ts'
import { readCapabilities, shortName } from './read-capabilities.ts'
import { readCgroups } from './read-cgroups.ts'
import { readDeviceNodes, readMounts } from './read-mounts.ts'
import { readIdRanges, readNamespaces } from './read-namespaces.ts'
import { readNetworks } from './read-networks.ts'
import { readEnvironment, readRlimits, wordOf } from './read-process.ts'
import {
  checkPlainPath,
  eachOf,
  flagOf,
  onlyList,
  onlyOne,
  pointerOf,
  type Section,
  section,
  textOf,
} from './section.ts'

/** Of both generations, and Carrel's own */
const FIELDS = [
  'root_fs',
  'rootfs',
  'mount_config',
  'readonly_fs',
  'no_pivot_root',
  'mounts',
  'hostname',
  'user',
  'additional_groups',
  'working_dir',
  'environment',
  'tty',
  'namespaces',
  'uid_mappings',
  'gid_mappings',
  'capabilities',
  'ambient_capabilities',
  'no_new_privileges',
  'seccomp',
  'networks',
  'routes',
  'cgroups',
  'context',
  'apparmor_profile',
  'process_label',
  'restrict_sys',
  'rlimits',
] as const
const MOUNT_CONFIG = ['no_pivot_root', 'readonly_fs', 'mounts', 'device_nodes', 'mount_label'] as const
const CONTEXT = ['apparmor_profile', 'process_label', 'mount_label', 'restrictions'] as const
const MOST_ID = 0xffff_fffe

/**
 * Reads the text of a container.json, of either generation, and checks all of it: what is not known is refused.
 * @throws InvalidInputError whose message begins with the JSON pointer of what is wrong
 */
export function parseContainerJson(text: string): ContainerConfig {
  const whole = section(parseJson(text, 'container.json'), '', FIELDS)
  const root = section(whole.fields['mount_config'], '/mount_config', MOUNT_CONFIG)
  const context = section(whole.fields['context'], '/context', CONTEXT)
  const networks = readNetworks(whole)
  const config = {
    ...readRoot(whole, root),
    ...readProcess(whole),
    ...readIsolation(whole, networks),
    ...readSecurity(whole, context, root),
    networks,
    routes: eachOf(whole, 'routes', readRoute),
    cgroups: readCgroups(whole.fields['cgroups'], '/cgroups'),
  }
  checkTogether(config)
  return config
}

function readRoot(whole: Section, root: Section) {
  const rootFs = onlyOne(['/root_fs', textOf(whole, 'root_fs')], ['/rootfs', textOf(whole, 'rootfs')])
  const flag = (key: string): boolean =>
    onlyOne([pointerOf(whole, key), flagOf(whole, key)], [pointerOf(root, key), flagOf(root, key)]) ?? false
  return {
    // In a configuration of OCI "." is the root that was not named.
    ...(rootFs !== undefined && { rootFs: rootFs === '.' ? './' : rootFs }),
    readonlyFs: flag('readonly_fs'),
    noPivotRoot: flag('no_pivot_root'),
    mounts: readMounts(onlyList(whole, root, 'mounts')),
    deviceNodes: readDeviceNodes(root),
  }
}

function readProcess(whole: Section) {
  const workingDir = textOf(whole, 'working_dir') ?? '/'
  return {
    user: textOf(whole, 'user') ?? '0',
    additionalGroups: eachOf(whole, 'additional_groups', (value, at): number => {
      if (Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= MOST_ID) return Number(value)
      return refuse(at, `must be the number of a group, 0 to ${MOST_ID}`)
    }),
    workingDir: checkPlainPath(workingDir, pointerOf(whole, 'working_dir'), 'it is a directory of the container'),
    environment: readEnvironment(whole),
    tty: flagOf(whole, 'tty') ?? false,
    rlimits: readRlimits(whole),
  }
}

function readIsolation(whole: Section, networks: ContainerConfig['networks']) {
  const hostname = textOf(whole, 'hostname')
  const uidMappings = readIdRanges(whole, 'uid_mappings')
  const gidMappings = readIdRanges(whole, 'gid_mappings')
  return {
    ...(hostname !== undefined && { hostname }),
    namespaces: readNamespaces(whole.fields['namespaces'], '/namespaces').filter(
      (each) => !isLeftAtOnce(each, networks),
    ),
    ...(uidMappings && { uidMappings }),
    ...(gidMappings && { gidMappings }),
  }
}

/** 2014's docker asked for a new network namespace even where the container then joined another. */
const isLeftAtOnce = ({ type, path }: ContainerNamespace, networks: ContainerConfig['networks']): boolean =>
  type === 'NEWNET' && networks.some((each) => each.type === 'netns' && (path === undefined || path === each.nsPath))

function readSecurity(whole: Section, context: Section, root: Section) {
  const text = (key: string, later: Section) =>
    onlyOne([pointerOf(context, key), textOf(context, key)], [pointerOf(later, key), textOf(later, key)])
  const apparmorProfile = text('apparmor_profile', whole)
  const processLabel = text('process_label', whole)
  const mountLabel = text('mount_label', root)
  const capabilities = readCapabilities(whole, 'capabilities')
  return {
    capabilities,
    ambientCapabilities: readAmbient(whole, capabilities),
    noNewPrivileges: flagOf(whole, 'no_new_privileges') ?? true,
    seccomp: wordOf(whole, 'seccomp', ['default', 'unconfined']),
    restrictions: readRestrictions(whole, context),
    ...(apparmorProfile !== undefined && { apparmorProfile }),
    ...(processLabel !== undefined && { processLabel }),
    ...(mountLabel !== undefined && { mountLabel }),
  } as const
}

function readAmbient(whole: Section, kept: readonly Capability[]): readonly Capability[] {
  const ambient = readCapabilities(whole, 'ambient_capabilities')
  const missing = ambient.find((each) => !kept.includes(each))
  if (missing) {
    refuse('/ambient_capabilities', `has ${shortName(missing)}, which is not kept at all: add it to capabilities too`)
  }
  return ambient
}

const ON = ['true', 'default']
const OFF = ['none', 'false']

/** In 2014 they were there only when something was said; now they are unless it says otherwise. */
function readRestrictions(whole: Section, context: Section): ContainerConfig['restrictions'] {
  const at = pointerOf(context, 'restrictions')
  const word = context.fields['restrictions']
  checkText(word, at)
  if (word && !ON.includes(word) && !OFF.includes(word)) {
    refuse(at, `must be "true" or "none", not ${JSON.stringify(word)}`)
  }
  const said = word ? ON.includes(word) : undefined
  const isOn = onlyOne([at, said], [pointerOf(whole, 'restrict_sys'), flagOf(whole, 'restrict_sys')])
  return isOn === false ? 'none' : 'default'
}
