import type { Resources } from '../../features/cgroups/resources.ts'
import { OCI_VERSIONS } from '../oci-versions.ts'
import { checkHooks } from './check-hooks.ts'
import { checkLinux } from './check-linux.ts'
import { checkMounts } from './check-mounts.ts'
import type { NamespacePlan } from './check-namespaces.ts'
import { checkProcess } from './check-process.ts'
import {
  checkBoolean,
  checkOneLine,
  checkText,
  type Fields,
  fieldsOf,
  type Findings,
  need,
  objectOf,
  pointerPart,
  refuse,
  wrong,
} from './fields.ts'

const CONFIG = ['ociVersion', 'process', 'root', 'hostname', 'domainname', 'mounts', 'hooks', 'annotations', 'linux']
/** Sections for other systems; on Linux they say nothing. */
const FOREIGN = ['windows', 'solaris', 'zos', 'freebsd']
/** The grammar of semver.org, version 2.0.0 */
const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/
/** __NEW_UTS_LEN, sethostname(2) */
const LONGEST_NAME = 64

/** A whole `config.json`. @returns its resources as the rest of Carrel reads them @throws InvalidInputError */
export function checkConfig(value: unknown, findings: Findings): Resources | undefined {
  const config = fieldsOf(value, '', [...CONFIG, ...FOREIGN, 'vm'], findings)
  checkVersion(config, findings)
  checkRoot(config, findings)
  if (config['process'] !== undefined) checkProcess(config['process'], '/process', findings)
  const { namespaces, resources } = checkLinux(config, '/linux', findings)
  checkName(config['hostname'], '/hostname', namespaces)
  checkName(config['domainname'], '/domainname', namespaces)
  checkMounts(config['mounts'], '/mounts', namespaces.has('user'), findings)
  checkBare(config, namespaces, findings)
  checkHooks(config['hooks'], '/hooks', findings)
  checkAnnotations(config['annotations'], '/annotations')
  for (const key of FOREIGN) {
    if (config[key] !== undefined) findings.warnings.push(`/${key} is for another system than Linux and is ignored`)
  }
  if (config['vm'] !== undefined) {
    refuse(
      '/vm',
      'asks for a virtual machine, which this runtime does not make: take it out, or use a runtime that does',
    )
  }
  return resources
}

function checkVersion(config: Fields, findings: Findings): void {
  const { ociVersion } = config
  need(config, 'ociVersion', '', `say "${OCI_VERSIONS.newest}"`)
  checkText(ociVersion, '/ociVersion')
  const [, major, minor] = SEMVER.exec(ociVersion!) ?? []
  if (major === undefined)
    wrong(
      ociVersion,
      '/ociVersion',
      'a version in the form of SemVer 2.0.0',
      `: write it like "${OCI_VERSIONS.newest}"`,
    )
  if (major !== '1') wrong(ociVersion, '/ociVersion', 'a 1.x version', ': this runtime implements no other')
  if (Number(minor) > OCI_VERSIONS.newestMinor) {
    findings.warnings.push(
      `/ociVersion is ${ociVersion}, newer than ${OCI_VERSIONS.newest}: what that added is not known here`,
    )
  }
}

function checkRoot(config: Fields, findings: Findings): void {
  need(config, 'root', '', 'give {"path": "rootfs"}')
  const root = fieldsOf(config['root'], '/root', ['path', 'readonly'], findings)
  need(root, 'path', '/root', 'give a directory, absolute or relative to the bundle')
  checkText(root['path'], '/root/path')
  if (root['path'] === '')
    refuse('/root/path', 'must not be empty: give a directory, absolute or relative to the bundle')
  checkBoolean(root['readonly'], '/root/readonly')
}

/** A container without a mount namespace of its own: what would be mounted, or made, would be so on the host and stay. */
function checkBare(config: Fields, namespaces: NamespacePlan, findings: Findings): void {
  if (namespaces.get('mount') === 'new') return
  const linux = (config['linux'] ?? {}) as Fields
  const refused = [
    ...((config['root'] as Fields)['readonly'] === true ? ['/root/readonly'] : []),
    ...(Object.keys(linux['sysctl'] ?? {}).length > 0 ? ['/linux/sysctl'] : []),
  ]
  const remedy = 'add {"type": "mount"} to /linux/namespaces, without a path'
  for (const at of refused) refuse(at, `needs a new mount namespace: ${remedy}`)
  const given = [
    ...(namespaces.has('mount') ? ['/root'] : []),
    ...((config['mounts'] as readonly unknown[] | undefined)?.length ? ['/mounts'] : []),
    ...((linux['devices'] as readonly unknown[] | undefined)?.length ? ['/linux/devices'] : []),
  ]
  findings.warnings.push(...given.map((at) => `${at} is not applied without a new mount namespace: ${remedy}`))
}

function checkName(value: unknown, at: string, namespaces: NamespacePlan): void {
  checkOneLine(value, at)
  if (value === undefined || value === '') return
  if (!namespaces.has('uts')) {
    refuse(at, 'needs a uts namespace, else it would change the host: add {"type": "uts"} to /linux/namespaces')
  }
  if (value.length * 3 > LONGEST_NAME && new TextEncoder().encode(value).length > LONGEST_NAME) {
    refuse(at, `must be at most ${LONGEST_NAME} bytes long (sethostname(2)): shorten it`)
  }
}

function checkAnnotations(value: unknown, at: string): void {
  if (value === undefined) return
  for (const [key, each] of Object.entries(objectOf(value, at))) {
    if (key === '') refuse(`${at}/`, 'must have a name: keys of annotations are not empty')
    checkText(each, `${at}/${pointerPart(key)}`)
    if (each === undefined) refuse(`${at}/${pointerPart(key)}`, 'must be text')
  }
}
