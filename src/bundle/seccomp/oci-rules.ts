import type { SeccompArgument } from '../../features/seccomp/profile.ts'
import type { Seccomp } from '../spec.ts'
import { type OciAction, ociAction } from './oci-action.ts'

/** A rule whose tests must all hold; a rule of the file with two tests of one argument is several of these. */
export interface OciRule {
  readonly names: readonly string[]
  readonly action: OciAction
  readonly tests: readonly SeccompArgument[]
  /** It says what the default says, and decides nothing: only its names count, as ones that the profile knows */
  readonly idle: boolean
}

const NO_TESTS: readonly SeccompArgument[] = []

/** The rules of the file in its order. */
export function ociRules({ syscalls = [] }: Seccomp, otherwise: OciAction): readonly OciRule[] {
  const rules: OciRule[] = []
  for (const { names, action: type, errnoRet, args } of syscalls) {
    const action = ociAction(type, errnoRet)
    const tests = args === undefined ? NO_TESTS : (args as readonly SeccompArgument[])
    const idle = action.value === otherwise.value
    for (const each of alternatives(tests)) rules.push({ names, action, tests: each, idle })
  }
  return rules
}

/** Two tests of one argument are two rules: what profiles of the time before libseccomp's argument lists meant (runc, crun). */
function alternatives(tests: readonly SeccompArgument[]): readonly (readonly SeccompArgument[])[] {
  const repeats = tests.some((test, i) => tests.findIndex(({ index }) => index === test.index) < i)
  return repeats ? tests.map((test) => [test]) : [tests]
}
