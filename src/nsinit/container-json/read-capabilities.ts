import { checkText, refuse } from '../../bundle/config/fields.ts'
import { didYouMean } from '../../linux/nearest.ts'
import { CAPABILITIES, type Capability } from '../../linux/tables/capabilities.ts'
import { eachOf, type Section } from './section.ts'

const ALL = Object.keys(CAPABILITIES.values) as readonly Capability[]
const SHORT = ALL.map((name) => name.slice('CAP_'.length))

/** A capability by the name that container.json has for it, `MKNOD`, or by the kernel's. @throws InvalidInputError naming the nearest */
export function getCapability(name: unknown, at: string): Capability {
  checkText(name, at)
  const found = ALL.find((each) => each === name || each === `CAP_${name}`)
  if (found) return found
  const guess = didYouMean(name, SHORT) || ': see capabilities(7) for their names'
  return refuse(at, `is no capability: ${JSON.stringify(name)}${guess}`)
}

/** A list of capabilities in the order of their numbers; the lists of 2014 had some twice. @throws InvalidInputError */
export function readCapabilities(from: Section, key: string): readonly Capability[] {
  const named = new Set(eachOf(from, key, getCapability))
  return ALL.filter((each) => named.has(each))
}

/** The name that container.json has for it. */
export const shortName = (capability: Capability): string => capability.slice('CAP_'.length)
