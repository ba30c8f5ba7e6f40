import type { Call, Param } from '../../linux/call.ts'
import { findCall } from '../../linux/calls/index.ts'
import type { AnyRef, Ref } from '../../linux/ref.ts'
import { VALUE } from '../../linux/results.ts'
import type { Program } from '../../program/builder.ts'

/** What a step depends on without using its value: the agent skips a step when an earlier one that it refers to has failed. */
const CONDITION: Param = {
  name: 'after',
  type: 'AnyRef',
  // One word more than the system call takes: the kernel looks at none beyond its own.
  encode: (on, to) => to.push(to.wordOf(on as AnyRef)),
  print: (on) => `/* after ${(on as AnyRef).label} */`,
}

/** Of a call whose parameters are all given */
const conditional = new Map<ConditionalCall, Call>()

/** Adds a call that is made only when an earlier step succeeded. The call takes at most five words. */
export function onlyAfter(p: Program, on: AnyRef, name: ConditionalCall, args: readonly unknown[]): unknown {
  let call = conditional.get(name)
  if (!call) {
    const plain = findCall(name) as Call
    call = { ...plain, params: [...plain.params, CONDITION] }
    conditional.set(name, call)
  }
  return p.add(call, [...args, on])
}

const successful = new Map<ConditionalCall, Call>()

/** Adds a call that gives nothing but its success, as something that other steps may depend on. */
export function succeeds(p: Program, name: ConditionalCall, args: readonly unknown[]): Ref<number> {
  let call = successful.get(name)
  if (!call) {
    call = { ...(findCall(name) as Call), result: VALUE }
    successful.set(name, call)
  }
  return p.add(call, args) as Ref<number>
}

type ConditionalCall =
  'fchmodat' | 'fchownat' | 'fsconfig' | 'fsmount' | 'mkdirat' | 'mknodat' | 'move_mount' | 'open_tree' | 'symlinkat'
