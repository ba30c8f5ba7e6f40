import type { SeccompAction, SeccompArgument, SeccompOperator, SeccompProfile, SeccompRule } from './profile.ts'

const SIGNS: Readonly<Record<Exclude<SeccompOperator, 'SCMP_CMP_MASKED_EQ'>, string>> = {
  SCMP_CMP_NE: '!=',
  SCMP_CMP_LT: '<',
  SCMP_CMP_LE: '<=',
  SCMP_CMP_EQ: '==',
  SCMP_CMP_GE: '>=',
  SCMP_CMP_GT: '>',
}

/** Prints a profile for people, one line per rule in the order in which they are tried. */
export function printProfile(profile: SeccompProfile): string {
  return [
    ...profile.rules.map(printRule),
    `any other call: ${printAction(profile.defaultAction)}`,
    `unknown number: ${printAction(profile.unknownAction)}`,
    'other architecture: KILL_PROCESS',
  ].join('\n')
}

function printRule({ names, args = [], action }: SeccompRule): string {
  const tests = args.length === 0 ? '' : ` if ${args.map(printTest).join(' and ')}`
  return `${names.join(' ')}${tests}: ${printAction(action)}`
}

function printTest({ index, op, value, valueTwo = 0 }: SeccompArgument): string {
  if (op === 'SCMP_CMP_MASKED_EQ') return `(arg${index} & ${hex(value)}) == ${hex(valueTwo)}`
  return `arg${index} ${SIGNS[op]} ${hex(value)}`
}

function printAction(action: SeccompAction): string {
  const name = action.type.slice('SCMP_ACT_'.length)
  if (action.type === 'SCMP_ACT_ERRNO') return `${name}(${action.errno})`
  if (action.type === 'SCMP_ACT_TRACE') return `${name}(${action.data})`
  return name
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`
}
