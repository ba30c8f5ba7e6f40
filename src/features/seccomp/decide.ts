import type { Arch } from '../../linux/arch.ts'
import {
  KILL_PROCESS,
  SECCOMP_ARCHES,
  type SeccompAction,
  type SeccompArgument,
  type SeccompProfile,
} from './profile.ts'
import type { SeccompData } from './seccomp-data.ts'

/**
 * What a profile says about one call, read straight from its rules: the meaning that a compiled filter must have.
 * `numbers` is the architecture's table of system calls by name.
 */
export function decide(
  profile: SeccompProfile,
  arch: Arch,
  numbers: Readonly<Record<string, number>>,
  call: SeccompData,
): SeccompAction {
  const { audit, foreignBit } = SECCOMP_ARCHES[arch]
  if (call.arch !== audit) return KILL_PROCESS
  if (call.nr === 0xffff_ffff) return profile.unknownAction
  if ((call.nr & foreignBit) !== 0) return KILL_PROCESS
  const name = Object.keys(numbers).find((key) => numbers[key] === call.nr)
  if (name === undefined) return profile.unknownAction
  const rule = profile.rules.find((r) => r.names.includes(name) && (r.args ?? []).every((arg) => holds(arg, call)))
  return rule?.action ?? profile.defaultAction
}

function holds(test: SeccompArgument, call: SeccompData): boolean {
  const argument = call.args?.[test.index] ?? 0n
  const value = BigInt(test.value)
  switch (test.op) {
    case 'SCMP_CMP_EQ':
      return argument === value
    case 'SCMP_CMP_NE':
      return argument !== value
    case 'SCMP_CMP_LT':
      return argument < value
    case 'SCMP_CMP_LE':
      return argument <= value
    case 'SCMP_CMP_GE':
      return argument >= value
    case 'SCMP_CMP_GT':
      return argument > value
    case 'SCMP_CMP_MASKED_EQ':
      return (argument & value) === BigInt(test.valueTwo ?? 0)
  }
}
