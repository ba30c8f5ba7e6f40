import type { Program } from '../../program/builder.ts'

/** Installs a compiled filter: no way back for this process and all that it executes or forks (seccomp(2)). */
export function seccompSteps(p: Program, filter: Uint8Array): void {
  p.because('seccomp', 'Last before the exec: the filter need not allow what the setup does')
  p.seccomp('SECCOMP_SET_MODE_FILTER', 0, { len: filter.length / 8, filter })
}
