import { isCpuList } from '../../features/cgroups/cpu-list.ts'
import {
  checkBoolean,
  checkChoice,
  checkChoices,
  checkOneLine,
  checkText,
  checkTexts,
  fieldsOf,
  type Findings,
  need,
  refuse,
  wrong,
} from './fields.ts'

/** Values of the specification, config-linux.md#memory-policy. */
export const MEMORY_POLICY_MODES = [
  'MPOL_DEFAULT',
  'MPOL_BIND',
  'MPOL_INTERLEAVE',
  'MPOL_WEIGHTED_INTERLEAVE',
  'MPOL_PREFERRED',
  'MPOL_PREFERRED_MANY',
  'MPOL_LOCAL',
]
const STATIC = 'MPOL_F_STATIC_NODES'
const RELATIVE = 'MPOL_F_RELATIVE_NODES'
const BALANCING = 'MPOL_F_NUMA_BALANCING'
export const MEMORY_POLICY_FLAGS = [BALANCING, RELATIVE, STATIC]

/** `linux.memoryPolicy`: what set_mempolicy(2) would refuse is refused here, by name. @throws InvalidInputError */
export function checkMemoryPolicy(value: unknown, at: string, findings: Findings): void {
  if (value === undefined) return
  const policy = fieldsOf(value, at, ['mode', 'nodes', 'flags'], findings)
  const { mode, nodes } = policy
  need(policy, 'mode', at, 'say MPOL_DEFAULT for the usual one')
  checkChoice(mode, `${at}/mode`, MEMORY_POLICY_MODES)
  checkText(nodes, `${at}/nodes`)
  checkChoices(policy['flags'], `${at}/flags`, MEMORY_POLICY_FLAGS)
  const flags: readonly string[] = policy['flags'] ?? []
  const given = nodes !== undefined && nodes !== ''
  if (given && !isCpuList(nodes)) wrong(nodes, `${at}/nodes`, 'a list of memory nodes', ': write it like 0-1,3')
  if (mode === 'MPOL_DEFAULT' || mode === 'MPOL_LOCAL') {
    if (given) refuse(`${at}/nodes`, `must be absent with ${mode}, which names no nodes: take it out`)
    if (flags.length > 0) refuse(`${at}/flags`, `must be empty with ${mode}: take them out`)
    return
  }
  if (!given && mode !== 'MPOL_PREFERRED') refuse(`${at}/nodes`, `is missing: ${mode} needs memory nodes`)
  if (!given && flags.length > 0) refuse(`${at}/flags`, 'must be empty where no nodes are given: take them out')
  if (flags.includes(STATIC) && flags.includes(RELATIVE))
    refuse(`${at}/flags`, `must not have both ${STATIC} and ${RELATIVE}: keep one`)
  if (flags.includes(BALANCING) && mode !== 'MPOL_BIND' && mode !== 'MPOL_PREFERRED_MANY') {
    refuse(`${at}/flags`, `must not have ${BALANCING} with ${mode}: use MPOL_BIND, or take it out`)
  }
}

/** Directories that resctrl has of its own. */
const RESCTRL_NAMES = ['info', 'mon_data', 'mon_groups', '.', '..']

/** `linux.intelRdt`, config-linux.md#intelrdt. @throws InvalidInputError */
export function checkIntelRdt(value: unknown, at: string, findings: Findings): void {
  if (value === undefined) return
  const rdt = fieldsOf(value, at, ['closID', 'schemata', 'l3CacheSchema', 'memBwSchema', 'enableMonitoring'], findings)
  const { closID, schemata, memBwSchema } = rdt
  checkOneLine(closID, `${at}/closID`)
  // "/" is the default class, the root of resctrl itself.
  if (
    closID !== undefined &&
    closID !== '/' &&
    (closID === '' || closID.includes('/') || RESCTRL_NAMES.includes(closID))
  ) {
    wrong(closID, `${at}/closID`, 'one directory of resctrl', ': give a name without "/", or "/" for the default class')
  }
  checkTexts(schemata, `${at}/schemata`)
  schemata?.forEach((each, index) => checkOneLine(each, `${at}/schemata/${index}`))
  checkText(rdt['l3CacheSchema'], `${at}/l3CacheSchema`)
  checkOneLine(memBwSchema, `${at}/memBwSchema`)
  if (memBwSchema !== undefined && !memBwSchema.startsWith('MB:'))
    wrong(memBwSchema, `${at}/memBwSchema`, 'a line that begins with MB:')
  checkBoolean(rdt['enableMonitoring'], `${at}/enableMonitoring`)
}

/** `linux.personality`, config-linux.md#personality. @throws InvalidInputError */
export function checkPersonality(value: unknown, at: string, findings: Findings): void {
  if (value === undefined) return
  const personality = fieldsOf(value, at, ['domain', 'flags'], findings)
  need(personality, 'domain', at, 'say LINUX or LINUX32')
  checkChoice(personality['domain'], `${at}/domain`, ['LINUX', 'LINUX32'])
  checkTexts(personality['flags'], `${at}/flags`)
  const first = personality['flags']?.[0]
  if (first !== undefined)
    refuse(`${at}/flags/0`, `is ${JSON.stringify(first)}, but the specification has no flags yet: leave the list empty`)
}
