import { InvalidInputError } from '../../base/errors.ts'
import { didYouMean } from '../../linux/nearest.ts'
import type { SeccompAction, SeccompArgument, SeccompOperator, SeccompProfile, SeccompRule } from './profile.ts'

const OPERATORS: Record<SeccompOperator, true> = {
  SCMP_CMP_NE: true,
  SCMP_CMP_LT: true,
  SCMP_CMP_LE: true,
  SCMP_CMP_EQ: true,
  SCMP_CMP_GE: true,
  SCMP_CMP_GT: true,
  SCMP_CMP_MASKED_EQ: true,
}

const ACTIONS: Record<SeccompAction['type'], true> = {
  SCMP_ACT_ALLOW: true,
  SCMP_ACT_ERRNO: true,
  SCMP_ACT_KILL_PROCESS: true,
  SCMP_ACT_KILL_THREAD: true,
  SCMP_ACT_TRAP: true,
  SCMP_ACT_LOG: true,
  SCMP_ACT_TRACE: true,
  SCMP_ACT_NOTIFY: true,
}

/** errno above this is clamped by the kernel (MAX_ERRNO, seccomp(2)) */
const MAX_ERRNO = 4095
const MAX_U64 = 0xffff_ffff_ffff_ffffn

/**
 * Checks that a profile says what it can mean: known names, operands in range, no rule that an earlier one makes unreachable.
 * `knownNames` are the system calls of every supported architecture; `null` accepts any name.
 * @throws InvalidInputError naming the field, such as `seccomp.rules[3].args[0].index`.
 */
export function validateProfile(profile: SeccompProfile, knownNames: ReadonlySet<string> | null): void {
  checkAction(profile.defaultAction, 'seccomp.defaultAction')
  checkAction(profile.unknownAction, 'seccomp.unknownAction')
  profile.rules.forEach((rule, i) => checkRule(rule, `seccomp.rules[${i}]`, knownNames))
  checkOrder(profile.rules)
}

function checkRule(rule: SeccompRule, field: string, knownNames: ReadonlySet<string> | null): void {
  if (rule.names.length === 0) refuse(`${field}.names`, 'is empty: name at least one system call')
  rule.names.forEach((name, i) => checkName(name, `${field}.names[${i}]`, knownNames))
  checkAction(rule.action, `${field}.action`)
  rule.args?.forEach((arg, i) => checkArgument(arg, `${field}.args[${i}]`))
}

function checkName(name: string, field: string, knownNames: ReadonlySet<string> | null): void {
  if (knownNames === null || knownNames.has(name)) return
  refuse(field, `"${name}" is not a system call of any supported architecture${didYouMean(name, knownNames)}`)
}

function checkAction(action: SeccompAction, field: string): void {
  if (!Object.hasOwn(ACTIONS, action.type)) {
    refuse(field, `"${action.type}" is not an action: use one of ${Object.keys(ACTIONS).join(', ')}`)
  }
  if (action.type === 'SCMP_ACT_ERRNO') checkInteger(action.errno, MAX_ERRNO, `${field}.errno`)
  if (action.type === 'SCMP_ACT_TRACE') checkInteger(action.data, 0xffff, `${field}.data`)
}

function checkInteger(value: number, max: number, field: string): void {
  if (!Number.isInteger(value) || value < 0 || value > max)
    refuse(field, `must be an integer from 0 to ${max}, not ${value}`)
}

function checkArgument(arg: SeccompArgument, field: string): void {
  checkInteger(arg.index, 5, `${field}.index`)
  if (!Object.hasOwn(OPERATORS, arg.op)) {
    refuse(`${field}.op`, `"${arg.op}" is not an operator: use one of ${Object.keys(OPERATORS).join(', ')}`)
  }
  checkU64(arg.value, `${field}.value`)
  if (arg.valueTwo !== undefined) checkU64(arg.valueTwo, `${field}.valueTwo`)
  if (arg.op === 'SCMP_CMP_MASKED_EQ' && (BigInt(arg.valueTwo ?? 0) & ~BigInt(arg.value)) !== 0n) {
    refuse(
      `${field}.valueTwo`,
      `has bits outside the mask ${arg.value}, so the test can never pass: clear them or widen the mask`,
    )
  }
}

function checkU64(value: number | bigint, field: string): void {
  const exact = typeof value === 'bigint' || Number.isSafeInteger(value)
  if (!exact) refuse(field, `must be an integer that a number holds exactly, not ${value}: use a bigint above 2^53`)
  if (value < 0 || BigInt(value) > MAX_U64) refuse(field, `must fit in 64 unsigned bits, not ${value}`)
}

/**
 * A repeated rule is harmless, but one that contradicts an earlier rule for the same calls would silently do nothing: its author
 * believes in a protection, or a permission, that is not there.
 */
function checkOrder(rules: readonly SeccompRule[]): void {
  const decided = new Map<string, { index: number; action: string }>()
  rules.forEach((rule, index) => {
    const action = JSON.stringify(rule.action)
    const condition = conditionKey(rule.args ?? [])
    for (const name of rule.names) {
      const earlier = decided.get(`${name} always`) ?? decided.get(`${name} ${condition}`)
      if (earlier === undefined) decided.set(`${name} ${condition}`, { index, action })
      else if (earlier.action !== action) {
        refuse(
          `seccomp.rules[${index}]`,
          `can never match "${name}", because rules[${earlier.index}] decides it first with another action: remove one or swap them`,
        )
      }
    }
  })
}

function conditionKey(args: readonly SeccompArgument[]): string {
  if (args.length === 0) return 'always'
  const tests = args.map((arg) => {
    const second = arg.op === 'SCMP_CMP_MASKED_EQ' ? BigInt(arg.valueTwo ?? 0) : ''
    return `${arg.index} ${arg.op} ${BigInt(arg.value)} ${second}`
  })
  return tests.sort().join(', ')
}

function refuse(field: string, problem: string): never {
  throw new InvalidInputError(`${field} ${problem}`, { field })
}
