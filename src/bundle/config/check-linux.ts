import type { Resources } from '../../features/cgroups/resources.ts'
import { checkDevices } from './check-devices.ts'
import { checkLinuxResources } from './check-linux-resources.ts'
import { checkNamespaces, checkTimeOffsets, checkUserMappings, type NamespacePlan } from './check-namespaces.ts'
import { checkNetDevices } from './check-net-devices.ts'
import { checkIntelRdt, checkMemoryPolicy, checkPersonality } from './check-placement.ts'
import { checkSeccomp } from './check-seccomp.ts'
import { checkSysctl } from './check-sysctl.ts'
import { checkAbsolutes, checkChoice, checkOneLine, type Fields, fieldsOf, type Findings, refuse } from './fields.ts'

const LINUX = [
  'namespaces',
  'uidMappings',
  'gidMappings',
  'timeOffsets',
  'devices',
  'netDevices',
  'cgroupsPath',
  'resources',
  'rootfsPropagation',
  'seccomp',
  'sysctl',
  'maskedPaths',
  'readonlyPaths',
  'mountLabel',
  'personality',
  'intelRdt',
  'memoryPolicy',
] as const
/** The words of mount(8) with "r" are not in the specification, but engines write them. */
const PROPAGATIONS = ['private', 'shared', 'slave', 'unbindable', 'rprivate', 'rshared', 'rslave', 'runbindable']

/** What follows from the section for the rest of the document. */
export interface CheckedLinux {
  readonly namespaces: NamespacePlan
  /** As the rest of Carrel reads them */
  readonly resources?: Resources
}

/** `linux`, config-linux.md; `config` is the whole document. @throws InvalidInputError */
export function checkLinux(config: Fields, at: string, findings: Findings): CheckedLinux {
  const linux = config['linux'] === undefined ? {} : fieldsOf(config['linux'], at, LINUX, findings)
  const namespaces = checkNamespaces(linux['namespaces'], `${at}/namespaces`, findings)
  checkUserMappings(linux, at, namespaces, findings)
  checkTimeOffsets(linux['timeOffsets'], `${at}/timeOffsets`, namespaces, findings)
  checkDevices(linux['devices'], `${at}/devices`, findings)
  checkNetDevices(linux['netDevices'], `${at}/netDevices`, namespaces.has('network'), findings)
  checkCgroupsPath(linux['cgroupsPath'], `${at}/cgroupsPath`)
  if (linux['rootfsPropagation'] !== '') {
    checkChoice(linux['rootfsPropagation'], `${at}/rootfsPropagation`, PROPAGATIONS)
  }
  checkSeccomp(linux['seccomp'], `${at}/seccomp`, findings)
  checkSysctl(linux['sysctl'], `${at}/sysctl`, namespaces, config)
  checkTreePaths(linux, at, namespaces)
  checkMountLabel(linux['mountLabel'], `${at}/mountLabel`)
  checkPersonality(linux['personality'], `${at}/personality`, findings)
  checkIntelRdt(linux['intelRdt'], `${at}/intelRdt`, findings)
  checkMemoryPolicy(linux['memoryPolicy'], `${at}/memoryPolicy`, findings)
  if (linux['resources'] === undefined) return { namespaces }
  return { namespaces, resources: checkLinuxResources(linux['resources'], `${at}/resources`, findings) }
}

function checkCgroupsPath(value: unknown, at: string): void {
  checkOneLine(value, at)
  if (value?.split('/').includes('..')) refuse(at, 'must not have ".." in it: write the path that is meant')
}

/** Without a mount namespace these would be mounts of the host. */
function checkTreePaths(linux: Fields, at: string, namespaces: NamespacePlan): void {
  for (const key of ['maskedPaths', 'readonlyPaths']) {
    checkAbsolutes(linux[key], `${at}/${key}`)
    if ((linux[key] as readonly string[] | undefined)?.length && !namespaces.has('mount')) {
      refuse(
        `${at}/${key}`,
        'needs a mount namespace, else it would change the host: add {"type": "mount"} to /linux/namespaces',
      )
    }
  }
}

/** A context stands in quotes among the options of a mount, because it may hold commas (mount(8)). */
function checkMountLabel(value: unknown, at: string): void {
  checkOneLine(value, at)
  if (value?.includes('"')) refuse(at, 'must be an SELinux context, which has no quote: take it out')
}
