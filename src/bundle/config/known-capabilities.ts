import { CAPABILITIES } from '../../linux/tables/capabilities.ts'
import type { Process } from '../spec.ts'

/** The same process without capabilities that do not exist, for which there is a warning. */
export function knownCapabilities(asked: Process): Process {
  const { capabilities } = asked
  if (!capabilities) return asked
  const isKnown = (name: string): boolean => Object.hasOwn(CAPABILITIES.values, name)
  const sets = Object.entries(capabilities).filter(([, names]) => Array.isArray(names)) as [string, readonly string[]][]
  if (sets.every(([, names]) => names.every(isKnown))) return asked
  return { ...asked, capabilities: Object.fromEntries(sets.map(([set, names]) => [set, names.filter(isKnown)])) }
}
