import { InvalidInputError } from '../../base/errors.ts'
import { checkResources } from '../../features/cgroups/check-resources.ts'
import type { Resources } from '../../features/cgroups/resources.ts'
import { type Findings, objectOf, pointerPart, refuse } from './fields.ts'
import { isObject, linuxResources, RESOURCE_SHAPES, SHARES } from './linux-resources.ts'

interface Options {
  /** Whether they change a live group */
  readonly live?: boolean
}

/**
 * `linux.resources`, by the rules that all of Carrel has for resources, said with JSON pointers.
 * @returns them as the rest of Carrel reads them
 * @throws InvalidInputError
 */
export function checkLinuxResources(value: unknown, at: string, findings: Findings, options: Options = {}): Resources {
  const resources = objectOf(value, at)
  const before = findings.unknown.length
  noteUnknown(resources, RESOURCE_SHAPES, at, findings)
  refuseUnlimited(resources, at)
  noteShares(resources, at, findings)
  const normal = linuxResources(resources, { strange: findings.unknown.length > before })
  try {
    checkResources(normal, options)
    return normal
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error
    return refuse(`${at}${pointerOf(error.field)}`, error.message.slice(error.field.length + 1))
  }
}

function noteUnknown(value: unknown, shape: unknown, at: string, findings: Findings): void {
  if (Array.isArray(value)) {
    const each = Array.isArray(shape) ? (shape as readonly unknown[])[0] : undefined
    if (each) value.forEach((item, index) => noteUnknown(item, each, `${at}/${index}`, findings))
  } else if (isObject(value) && isObject(shape)) {
    for (const [key, each] of Object.entries(value)) {
      const where = `${at}/${pointerPart(key)}`
      if (Object.hasOwn(shape, key)) noteUnknown(each, shape[key], where, findings)
      else if (Object.hasOwn(shape, '*')) noteUnknown(each, shape['*'], where, findings)
      else findings.unknown.push(where)
    }
  }
}

/** Elsewhere -1 is no limit; in these the specification has unsigned numbers only. */
function refuseUnlimited(resources: Readonly<Record<string, unknown>>, at: string): void {
  const { hugepageLimits, rdma } = resources
  const entries: [string, unknown, string[]][] = []
  if (Array.isArray(hugepageLimits)) {
    hugepageLimits.forEach((each, index) => entries.push([`${at}/hugepageLimits/${index}`, each, ['limit']]))
  }
  if (isObject(rdma)) {
    for (const [key, each] of Object.entries(rdma))
      entries.push([`${at}/rdma/${pointerPart(key)}`, each, ['hcaHandles', 'hcaObjects']])
  }
  for (const [where, each, keys] of entries) {
    const key = keys.find((name) => isObject(each) && each[name] === -1)
    if (key) refuse(`${where}/${key}`, 'must not be negative: leave it out for no limit')
  }
}

function noteShares({ cpu }: Readonly<Record<string, unknown>>, at: string, findings: Findings): void {
  const shares = isObject(cpu) ? cpu['shares'] : undefined
  if (typeof shares !== 'number' || !Number.isSafeInteger(shares) || shares <= 0) return
  if (shares < SHARES.least || shares > SHARES.most) {
    findings.warnings.push(
      `${at}/cpu/shares is ${shares}, which the kernel takes as ${shares < SHARES.least ? SHARES.least : SHARES.most}`,
    )
  }
}

/** `blockIO.weightDevice[0].weight` as a JSON pointer; names of files and devices may hold dots themselves. */
function pointerOf(field: string): string {
  if (field === 'resources') return ''
  const named = /^(?<map>unified|rdma)\.(?<key>.+?)(?:\.(?<last>hcaHandles|hcaObjects))?$/.exec(field)?.groups
  if (named) return `/${named['map']}/${pointerPart(named['key']!)}${named['last'] ? `/${named['last']}` : ''}`
  return `/${field.replaceAll('.', '/').replace(/\[(\d+)\]/g, '/$1')}`
}
