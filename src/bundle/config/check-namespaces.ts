import { NAMESPACE_TYPES, type NamespaceType } from '../spec.ts'
import {
  checkAbsolute,
  checkChoice,
  checkEach,
  checkWhole,
  type Fields,
  fieldsOf,
  type Findings,
  need,
  objectOf,
  refuse,
} from './fields.ts'
import { checkIdMappings } from './check-id-mappings.ts'

/** What the container does about each type; absent: it stays in the runtime's. */
export type NamespacePlan = ReadonlyMap<NamespaceType, 'new' | 'joined'>

/** `linux.namespaces`, config-linux.md#namespaces. @throws InvalidInputError */
export function checkNamespaces(value: unknown, at: string, findings: Findings): NamespacePlan {
  const plan = new Map<NamespaceType, 'new' | 'joined'>()
  checkEach(value, at, (each, where) => {
    const namespace = fieldsOf(each, where, ['type', 'path'], findings)
    need(namespace, 'type', where, `say one of ${NAMESPACE_TYPES.join(', ')}`)
    checkChoice(namespace['type'], `${where}/type`, NAMESPACE_TYPES)
    checkAbsolute(namespace['path'], `${where}/path`)
    const type = namespace['type'] as NamespaceType
    if (plan.has(type)) refuse(`${where}/type`, `is ${type} for the second time: keep one`)
    plan.set(type, namespace['path'] === undefined ? 'new' : 'joined')
  })
  return plan
}

/** `linux.uidMappings` and `linux.gidMappings`: both with a new user namespace, none without one. @throws InvalidInputError */
export function checkUserMappings(linux: Fields, at: string, namespaces: NamespacePlan, findings: Findings): void {
  const user = namespaces.get('user')
  for (const key of ['uidMappings', 'gidMappings']) {
    const where = `${at}/${key}`
    checkIdMappings(linux[key], where, findings)
    const count = (linux[key] as readonly unknown[] | undefined)?.length ?? 0
    if (count > 0 && !user) refuse(where, 'needs a user namespace: add {"type": "user"} to /linux/namespaces')
    // Engines that join a user namespace give a mapping as well; the one that it has stays.
    if (count === 0 && user === 'new') {
      refuse(where, 'is missing: a new user namespace needs mappings of users and of groups')
    }
  }
}

const CLOCKS = ['monotonic', 'boottime']
/** KTIME_SEC_MAX: further offsets fail with ERANGE (time_namespaces(7)) */
const MOST_SECONDS = 9_223_372_036

/** `linux.timeOffsets`, config-linux.md#offset-for-time-namespace. @throws InvalidInputError */
export function checkTimeOffsets(value: unknown, at: string, namespaces: NamespacePlan, findings: Findings): void {
  if (value === undefined) return
  const offsets = objectOf(value, at)
  for (const [clock, each] of Object.entries(offsets)) {
    const where = `${at}/${clock}`
    if (!CLOCKS.includes(clock))
      refuse(where, `is a clock without an offset (time_namespaces(7)): use ${CLOCKS.join(' or ')}`)
    const offset = fieldsOf(each, where, ['secs', 'nanosecs'], findings)
    checkWhole(offset['secs'], `${where}/secs`, -MOST_SECONDS, MOST_SECONDS)
    checkWhole(offset['nanosecs'], `${where}/nanosecs`, 0, 999_999_999)
  }
  // Offsets are fixed once a process is in the namespace (time_namespaces(7)).
  if (Object.keys(offsets).length > 0 && namespaces.get('time') !== 'new') {
    refuse(at, 'needs a new time namespace: add {"type": "time"} without a path to /linux/namespaces')
  }
}
