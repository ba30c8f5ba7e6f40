import { checkText, type Fields, objectOf, pointerPart, refuse } from './fields.ts'
import type { NamespacePlan } from './check-namespaces.ts'
import type { NamespaceType } from '../spec.ts'

/** Files below /proc/sys that a namespace has of its own, each with that namespace. All others are the host's. */
const NAMESPACED: readonly (readonly [RegExp, NamespaceType])[] = [
  [/^net\/./, 'network'],
  [/^fs\/mqueue\/./, 'ipc'],
  // ipc_namespaces(7); their last ids (sem_next_id) are the namespace's too.
  [/^kernel\/(?:shm|msg|sem)[a-z_]*$/, 'ipc'],
  [/^kernel\/(?:hostname|domainname)$/, 'uts'],
  [/^user\/max_[a-z_]+$/, 'user'],
]

/**
 * The file of a sysctl below /proc/sys. As in sysctl(8), whichever of "." and "/" stands first separates, and the other one is
 * part of a name: `net.ipv4.conf.eth0/1.rp_filter` is about the interface `eth0.1`.
 */
export function sysctlFile(key: string): string {
  if (/^[^./]*\//.test(key)) return key
  return key.replace(/[./]/g, (sign) => (sign === '.' ? '/' : '.'))
}

/**
 * `linux.sysctl`: only what a namespace of the container has of its own, so that nothing of the host changes.
 * @param names `hostname` and `domainname` of the container
 * @throws InvalidInputError
 */
export function checkSysctl(value: unknown, at: string, namespaces: NamespacePlan, names: Fields): void {
  if (value === undefined) return
  for (const [key, each] of Object.entries(objectOf(value, at))) {
    const where = `${at}/${pointerPart(key)}`
    const file = sysctlFile(key)
    checkValue(each, where)
    if (file.split('/').some((part) => part === '' || part === '.' || part === '..')) {
      refuse(
        where,
        'must name a file below /proc/sys, without empty parts, "." and "..": write it like net.core.somaxconn',
      )
    }
    const namespace = NAMESPACED.find(([pattern]) => pattern.test(file))?.[1]
    if (!namespace)
      refuse(where, 'is not separate for a container, so it would change the host: take it out and set it on the host')
    if (!namespaces.has(namespace)) {
      refuse(
        where,
        `needs ${namespace === 'ipc' ? 'an' : 'a'} ${namespace} namespace, else it would change the host: add {"type": "${namespace}"} to /linux/namespaces`,
      )
    }
    checkSaidOnce(file, names, where)
  }
}

/** The kernel takes one value for each write, and a second line is how values have been smuggled (CVE-2022-0811). */
function checkValue(value: unknown, at: string): void {
  if (value === undefined || value === null || typeof value !== 'string') {
    refuse(at, `must be text, not ${value === null ? 'null' : typeof value}: put it in quotes`)
  }
  checkText(value, at)
  if (value === '') refuse(at, 'must not be empty: give a value')
  if (/[\n\r]/.test(value)) refuse(at, 'must be one line: one write sets one value')
}

function checkSaidOnce(file: string, names: Fields, at: string): void {
  for (const key of ['hostname', 'domainname'] as const) {
    if (file === `kernel/${key}` && names[key] !== undefined) refuse(at, `says the same as /${key}: keep that one`)
  }
}
