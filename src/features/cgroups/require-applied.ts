import { UnsupportedError } from '../../base/errors.ts'
import type { NotApplied } from './find-refusal.ts'

/**
 * Refuses a plan that lacks a limit, unless it is one of those that nobody asked for.
 *
 * @throws UnsupportedError naming the limit, the reason and the remedy
 */
export function requireApplied(
  plan: { readonly notApplied: readonly NotApplied[] },
  unasked: readonly string[] = [],
): void {
  const refused = plan.notApplied.find(({ limit }) => !unasked.includes(limit))
  if (refused) throw unsupported(refused)
}

/** What is not applied, as an error. */
export const unsupported = ({ limit, controller, reason, remedy }: NotApplied): UnsupportedError =>
  new UnsupportedError(`Cannot enforce ${limit}, because ${reason}`, { fact: `cgroups.${controller}`, remedy })
