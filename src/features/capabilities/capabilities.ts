import { InvalidInputError } from '../../base/errors.ts'
import { didYouMean } from '../../linux/nearest.ts'
import { CAPABILITIES } from '../../linux/tables/capabilities.ts'
import type { Program } from '../../program/builder.ts'

const NUMBERS: Readonly<Record<string, number>> = CAPABILITIES.values as never

/** Every capability the kernel knows, kernel names. */
export const CAPABILITY_NAMES: readonly string[] = Object.keys(NUMBERS)

/**
 * The numbers of capability names; `CAP_` may be left out, case does not matter.
 * @throws InvalidInputError for an unknown name, with the nearest known ones
 */
export function capabilityNumbers(names: readonly string[], field = 'capabilities'): number[] {
  return names.map((name, index) => {
    const upper = name.toUpperCase()
    const number = NUMBERS[upper] ?? NUMBERS[`CAP_${upper}`]
    if (number !== undefined) return number
    const guess = didYouMean(`CAP_${upper.replace(/^CAP_/, '')}`, CAPABILITY_NAMES)
    throw new InvalidInputError(`${field}[${index}] is no capability: ${JSON.stringify(name)}${guess}`, {
      field: `${field}[${index}]`,
    })
  })
}

/** Bounding set and no_new_privs of everything in a sandbox: set once in its first process, which never executes anything. */
export function boundingSteps(p: Program, kept: readonly number[]): void {
  dropBoundingSteps(p, kept)
  noNewPrivilegesSteps(p)
}

/** The bounding set alone. */
export function dropBoundingSteps(p: Program, kept: readonly number[]): void {
  p.because(
    'capabilities',
    'Nothing executed below can ever gain these again (capabilities(7)); dropped first, while CAP_SETPCAP is here',
  )
  for (const [name, number] of Object.entries(NUMBERS)) {
    if (!kept.includes(number)) p.tolerate('EINVAL').prctl('PR_CAPBSET_DROP', name as never, 0, 0, 0)
  }
}

export function noNewPrivilegesSteps(p: Program): void {
  p.because(
    'capabilities',
    'No set-uid file and no file capability has an effect; also what lets an unprivileged process use seccomp',
  )
  p.prctl('PR_SET_NO_NEW_PRIVS', 1, 0, 0, 0)
}

/** The sets of a container's root: its exec gets what is in the bounding set, and inherits nothing (CVE-2022-24769). */
export function rootCapabilitySteps(p: Program, kept: readonly number[]): void {
  p.because('capabilities', 'Those that are kept, inheritable and ambient sets empty (CVE-2022-24769)')
  p.tolerate('EINVAL').prctl('PR_CAP_AMBIENT', 'PR_CAP_AMBIENT_CLEAR_ALL', 0, 0, 0)
  p.capset({ effective: mask(kept), permitted: mask(kept), inheritable: 0n })
}

/** Keeps the permitted set over the change of user, for commands that keep capabilities. */
export function keepSteps(p: Program, kept: readonly number[]): void {
  if (kept.length === 0) return
  p.because('capabilities', 'The change of user would empty the permitted set')
  p.prctl('PR_SET_KEEPCAPS', 1, 0, 0, 0)
}

/** The five sets of a command: inheritable stays empty (CVE-2022-29162), ambient carries what is kept over the exec. */
export function capabilitySteps(p: Program, kept: readonly number[]): void {
  p.because(
    'capabilities',
    'All sets empty but for what was asked for; inheritable only as far as ambient needs it (CVE-2022-29162)',
  )
  p.tolerate('EINVAL').prctl('PR_CAP_AMBIENT', 'PR_CAP_AMBIENT_CLEAR_ALL', 0, 0, 0)
  p.capset({ effective: mask(kept), permitted: mask(kept), inheritable: mask(kept) })
  for (const number of kept) p.prctl('PR_CAP_AMBIENT', 'PR_CAP_AMBIENT_RAISE', number, 0, 0)
}

const mask = (numbers: readonly number[]): bigint => numbers.reduce((bits, number) => bits | (1n << BigInt(number)), 0n)
