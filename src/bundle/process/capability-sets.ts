import { CAPABILITIES } from '../../linux/tables/capabilities.ts'
import type { Program } from '../../program/builder.ts'
import type { Capabilities } from '../spec.ts'

const NUMBERS: Readonly<Record<string, number>> = CAPABILITIES.values
const NAMES = Object.keys(NUMBERS)
const CAP_SYS_ADMIN = NUMBERS['CAP_SYS_ADMIN'] as number
const SETS = ['bounding', 'permitted', 'effective', 'inheritable', 'ambient'] as const

/** The five sets as masks whose bit n is capability n. */
export type CapabilityMasks = { readonly [K in (typeof SETS)[number]]: bigint }

/** What a process gets, and what of the configuration cannot be had. */
export interface GrantedCapabilities {
  readonly masks: CapabilityMasks
  readonly warnings: readonly string[]
}

/**
 * The sets as far as they can be granted: "runtimes SHOULD NOT fail if the container configuration requests capabilities that cannot be
 * granted" (runtime-spec config.md, Linux Process). `available` are those that whoever starts the process has.
 */
export function grantedCapabilities(asked: Capabilities = {}, available?: bigint): GrantedCapabilities {
  const warnings: string[] = []
  const grant = (set: (typeof SETS)[number], within: bigint | undefined, why: string): bigint => {
    let mask = 0n
    asked[set]?.forEach((name, i) => {
      const number = Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : undefined
      const bit = number === undefined ? 0n : 1n << BigInt(number)
      if (bit !== 0n && (within === undefined || (bit & within) !== 0n)) mask |= bit
      else
        warnings.push(
          `/process/capabilities/${set}/${i} ${name} is not granted: ${bit === 0n ? 'no such capability' : why}`,
        )
    })
    return mask
  }
  const missing = 'this process does not have it itself'
  const bounding = grant('bounding', available, missing)
  const permitted = grant('permitted', available, missing)
  const effective = grant('effective', permitted, 'it is not in permitted')
  const inheritable = grant('inheritable', bounding, 'it is not in bounding')
  const ambient = grant('ambient', permitted & inheritable, 'it is not both in permitted and in inheritable')
  return { masks: { bounding, permitted, effective, inheritable, ambient }, warnings }
}

/** Gives up what was held for the filter; whatever else follows is without it. */
export function afterFilterSteps(p: Program, { effective, permitted, inheritable }: CapabilityMasks): void {
  p.because('capabilities', 'The filter is loaded: the sets exactly as asked')
  p.capset({ effective, permitted, inheritable })
}

/** Drops from the bounding set all that is not kept, while CAP_SETPCAP is here, and keeps the permitted set over the change of user. */
export function beforeUserSteps(p: Program, { bounding }: CapabilityMasks): void {
  p.because('capabilities', 'Nothing executed from here on can gain these again (capabilities(7))')
  NAMES.forEach((name, number) => {
    if (((bounding >> BigInt(number)) & 1n) === 0n) p.prctl('PR_CAPBSET_DROP', name as never, 0, 0, 0)
  })
  p.because('capabilities', 'The change of user would empty the permitted set; an exec ends this')
  p.prctl('PR_SET_KEEPCAPS', 1, 0, 0, 0)
}

/**
 * The other four sets; inheritable exactly as asked, so empty by default (CVE-2022-29162). `loadsFilter`: CAP_SYS_ADMIN stays for the
 * filter that is loaded before the exec, which takes it away again: a program's sets come of bounding, inheritable and ambient alone.
 */
export function afterUserSteps(p: Program, masks: CapabilityMasks, loadsFilter: boolean): void {
  const held = loadsFilter ? 1n << BigInt(CAP_SYS_ADMIN) : 0n
  p.because(
    'capabilities',
    held === 0n ? 'The sets exactly as asked' : 'The sets as asked; CAP_SYS_ADMIN until the exec, for the filter',
  )
  p.prctl('PR_CAP_AMBIENT', 'PR_CAP_AMBIENT_CLEAR_ALL', 0, 0, 0)
  p.capset({
    effective: masks.effective | held,
    permitted: masks.permitted | held,
    inheritable: masks.inheritable,
  })
  NAMES.forEach((name, number) => {
    if ((masks.ambient >> BigInt(number)) & 1n) p.prctl('PR_CAP_AMBIENT', 'PR_CAP_AMBIENT_RAISE', name as never, 0, 0)
  })
}
