import { DEFAULT_SECCOMP_PROFILE } from '../features/seccomp/default-profile.ts'
import type { SeccompArgument, SeccompRule } from '../features/seccomp/profile.ts'
import type { Arch } from '../linux/arch.ts'
import type { Seccomp, SeccompArg, SeccompSyscall } from './spec.ts'

const EPERM = 1

/**
 * Carrel's own default policy in the words of the specification, in which a call that has an unconditional rule keeps it whatever
 * other rules say (libseccomp). What the policy refuses before it allows the rest is therefore turned around: each way in which an
 * argument differs from the refused value is allowed by a rule of its own. Whatever stays refused fails with EPERM.
 */
export function defaultSeccomp(arch: Arch): Seccomp {
  const { rules } = DEFAULT_SECCOMP_PROFILE
  const turned = new Set(['ioctl', 'socket', 'socketpair'])
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: [arch === 'x64' ? 'SCMP_ARCH_X86_64' : 'SCMP_ARCH_AARCH64'],
    syscalls: [
      ...rules.filter(({ names }) => !names.some((name) => turned.has(name))).map(plainRule),
      ...[...turned].flatMap((name) => turnedRules(name, rules)),
    ],
  }
}

function plainRule({ names, action, args }: SeccompRule): SeccompSyscall {
  return {
    names,
    action: action.type,
    ...(action.type === 'SCMP_ACT_ERRNO' && { errnoRet: action.errno }),
    ...(args && { args: args.map(ociArgument) }),
  }
}

const ociArgument = ({ index, value, valueTwo, op }: SeccompArgument): SeccompArg => ({
  index,
  value,
  ...(valueTwo !== undefined && { valueTwo }),
  op,
})

/** Rules of one call up to the last that allows something, with those that refuse turned around. */
function turnedRules(name: string, rules: readonly SeccompRule[]): SeccompSyscall[] {
  const own = rules.filter(({ names }) => names.includes(name))
  const refused = own
    .filter(({ action, args }) => action.type === 'SCMP_ACT_ERRNO' && args)
    .map(({ args }) => args![0]!)
  const escapes = refused.length === 0 ? [[]] : differences(refused).map((test) => [test])
  return own
    .filter(({ action }) => action.type === 'SCMP_ACT_ALLOW')
    .flatMap(({ args = [] }) =>
      escapes.map((escape) =>
        plainRule({ names: [name], action: { type: 'SCMP_ACT_ALLOW' }, args: [...args, ...escape] }),
      ),
    )
}

/**
 * Tests of one argument of which at least one holds exactly when it equals none of the values: one for each bit in which all
 * values agree, and one for each other pattern of the bits in which they do not.
 */
function differences(refused: readonly SeccompArgument[]): SeccompArgument[] {
  const [{ index, value: mask }] = refused as readonly [SeccompArgument]
  const values = refused.map(({ valueTwo }) => Number(valueTwo))
  const varying = values.reduce((bits, value) => (bits | (value ^ values[0]!)) >>> 0, 0)
  const tests: SeccompArgument[] = []
  for (let bit = 1; bit <= Number(mask); bit *= 2) {
    if ((Number(mask) & bit) !== 0 && (varying & bit) === 0)
      tests.push(masked(index, bit, (values[0]! & bit) === 0 ? bit : 0))
  }
  for (let pattern = varying; varying !== 0; pattern = ((pattern - 1) & varying) >>> 0) {
    if (!values.some((value) => (value & varying) >>> 0 === pattern)) tests.push(masked(index, varying, pattern))
    if (pattern === 0) break
  }
  return tests
}

/** Bit 31 of a number is negative after `&`. */
const masked = (index: number, mask: number, value: number): SeccompArgument => ({
  index,
  op: 'SCMP_CMP_MASKED_EQ',
  value: mask >>> 0,
  valueTwo: value >>> 0,
})
