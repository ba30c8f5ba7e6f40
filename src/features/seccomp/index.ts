import type { Arch } from '../../linux/arch.ts'
import { SYSCALLS_ARM64 } from '../../linux/tables/syscalls-arm64.ts'
import { SYSCALLS_X64 } from '../../linux/tables/syscalls-x64.ts'
import { type CompileOptions, compileSeccomp } from './compile.ts'
import { DEFAULT_SECCOMP_PROFILE } from './default-profile.ts'
import type { SeccompProfile } from './profile.ts'

export { assembleSeccomp, type CompileOptions, compileSeccomp } from './compile.ts'
export { decide } from './decide.ts'
export { DEFAULT_SECCOMP_PROFILE } from './default-profile.ts'
export { printProfile } from './print-profile.ts'
export {
  ALLOW,
  failWith,
  KILL_PROCESS,
  low32Equal,
  maskedEqual,
  type SeccompAction,
  type SeccompArchName,
  type SeccompArgument,
  type SeccompOperator,
  type SeccompProfile,
  type SeccompRule,
} from './profile.ts'
export { validateProfile } from './validate-profile.ts'

/** Compile options with the committed table of an architecture; names of the other one are accepted in rules. */
export function tableOptions(arch: Arch): CompileOptions {
  return arch === 'x64'
    ? { arch, numbers: SYSCALLS_X64, otherNames: Object.keys(SYSCALLS_ARM64) }
    : { arch, numbers: SYSCALLS_ARM64, otherNames: Object.keys(SYSCALLS_X64) }
}

const defaultFilters = new Map<Arch, Uint8Array>()

/**
 * The filter of a profile, the default one unless said, for an architecture's committed table: bytes of `struct sock_filter[]`.
 * The default's is compiled once and must not be written to.
 * @throws InvalidInputError naming the field.
 */
export function seccompFilter(arch: Arch, profile: SeccompProfile = DEFAULT_SECCOMP_PROFILE): Uint8Array {
  if (profile !== DEFAULT_SECCOMP_PROFILE) return compileSeccomp(profile, tableOptions(arch))
  const cached = defaultFilters.get(arch)
  if (cached !== undefined) return cached
  const filter = compileSeccomp(profile, tableOptions(arch))
  defaultFilters.set(arch, filter)
  return filter
}
