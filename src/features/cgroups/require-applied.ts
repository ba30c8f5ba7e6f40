import { UnsupportedError } from '../../base/errors.ts'
import type { NotApplied } from './find-refusal.ts'

/**
 * Refuses a plan that lacks a limit the caller named; limits that are only defaults may be missing.
 *
 * @throws UnsupportedError naming the limit, the reason and the remedy
 */
export function requireApplied(plan: { readonly notApplied: readonly NotApplied[] }, named: readonly string[]): void {
  const refused = plan.notApplied.find(({ limit }) => named.includes(limit))
  if (!refused) return
  throw new UnsupportedError(`Cannot enforce ${refused.limit}, because ${refused.reason}`, {
    fact: `cgroups.${refused.controller}`,
    remedy: refused.remedy,
  })
}
