import type { Call, Param } from '../../linux/call.ts'
import { findCall } from '../../linux/calls/index.ts'
import type { AnyRef, Ref } from '../../linux/ref.ts'
import { VALUE } from '../../linux/results.ts'
import type { Program } from '../../program/builder.ts'

/** What a step depends on without using its value: the agent skips a step when an earlier one that it refers to has failed. */
const condition = (on: AnyRef): Param => ({
  name: 'after',
  type: 'AnyRef',
  implied: true,
  // One word more than the system call takes: the kernel looks at none beyond its own.
  encode: (_, to) => to.push(to.wordOf(on)),
  print: () => `/* after ${on.label} */`,
})

/** Adds a call that is made only when an earlier step succeeded. The call takes at most five words. */
export function onlyAfter(p: Program, on: AnyRef, name: ConditionalCall, args: readonly unknown[]): unknown {
  const call = findCall(name) as Call
  return p.add({ ...call, params: [...call.params, condition(on)] }, args)
}

/** Adds a call that gives nothing but its success, as something that other steps may depend on. */
export const succeeds = (p: Program, name: ConditionalCall, args: readonly unknown[]): Ref<number> =>
  p.add({ ...(findCall(name) as Call), result: VALUE }, args) as Ref<number>

type ConditionalCall =
  'fchmodat' | 'fchownat' | 'fsconfig' | 'fsmount' | 'mkdirat' | 'mknodat' | 'move_mount' | 'open_tree' | 'symlinkat'
