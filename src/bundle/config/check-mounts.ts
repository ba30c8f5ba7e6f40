import { checkIdMappings } from './check-id-mappings.ts'
import { checkEach, checkText, checkTexts, type Fields, fieldsOf, type Findings, need, refuse } from './fields.ts'

const MOUNT = ['destination', 'type', 'source', 'options', 'uidMappings', 'gidMappings'] as const
/** Options that change a mount which is there already, so that no file system has to be named. */
const WITHOUT_TYPE = /^(?:r?bind|remount|r?(?:private|shared|slave|unbindable))$/

/**
 * `mounts`, config.md#mounts.
 * @param hasUserNamespace whether the container is in a user namespace of its own, whose mappings `idmap` may take
 * @throws InvalidInputError
 */
export function checkMounts(value: unknown, at: string, hasUserNamespace: boolean, findings: Findings): void {
  checkEach(value, at, (each, where) => {
    const mount = fieldsOf(each, where, MOUNT, findings)
    checkDestination(mount, where, findings)
    checkText(mount['type'], `${where}/type`)
    checkText(mount['source'], `${where}/source`)
    checkTexts(mount['options'], `${where}/options`)
    checkKind(mount, where)
    checkMapping(mount, where, hasUserNamespace, findings)
  })
}

function checkDestination(mount: Fields, at: string, findings: Findings): void {
  const { destination } = mount
  need(mount, 'destination', at, 'say where in the container')
  checkText(destination, `${at}/destination`)
  if (destination === '') refuse(`${at}/destination`, 'must not be empty: say where in the container')
  if (!destination!.startsWith('/')) {
    findings.warnings.push(`${at}/destination is relative, which is deprecated, and is taken as below "/"`)
  }
}

function checkKind({ type, source, options }: Fields, at: string): void {
  const words = (options ?? []) as readonly string[]
  const binds = type === 'bind' || words.includes('bind') || words.includes('rbind')
  if (binds && (source === undefined || source === '') && !words.includes('remount')) {
    refuse(`${at}/source`, 'is missing: a bind mount needs the path that is to be seen')
  }
  if ((type === undefined || type === '') && !words.some((word) => WITHOUT_TYPE.test(word))) {
    refuse(`${at}/type`, 'is missing: name a file system, or "bind" or "rbind" in options')
  }
}

function checkMapping(mount: Fields, at: string, hasUserNamespace: boolean, findings: Findings): void {
  const { uidMappings, gidMappings, options } = mount
  checkIdMappings(uidMappings, `${at}/uidMappings`, findings)
  checkIdMappings(gidMappings, `${at}/gidMappings`, findings)
  const counts = [uidMappings, gidMappings].map((each) => (each as readonly unknown[] | undefined)?.length ?? 0)
  if (counts[0] === 0 && counts[1] === 0) {
    const index = ((options ?? []) as readonly string[]).findIndex((word) => word === 'idmap' || word === 'ridmap')
    if (index >= 0 && !hasUserNamespace) {
      refuse(
        `${at}/options/${index}`,
        'needs a mapping: give the mount uidMappings and gidMappings, or the container a user namespace',
      )
    }
    return
  }
  const missing = counts[0] === 0 ? 'uidMappings' : counts[1] === 0 ? 'gidMappings' : undefined
  if (missing) refuse(`${at}/${missing}`, 'is missing: a mount is mapped for users and groups together')
}
