import type { Result } from './call.ts'

/** Success is all there is to know. */
export const NONE: Result = { type: 'void', ref: 'void', kind: 'void' }
export const VALUE: Result = { type: 'number', ref: 'Ref<number>', kind: 'value' }
export const BIGINT: Result = { type: 'bigint', ref: 'Ref<bigint>', kind: 'bigint' }
export const FD: Result = { type: 'Fd', ref: 'Ref<Fd>', kind: 'fd' }
export const PID: Result = { type: 'Pid', ref: 'Ref<Pid>', kind: 'pid' }

/** What the kernel wrote into the out-parameter. */
export const out = (type: string): Result => ({ type, ref: `Ref<${type}>`, kind: 'out' })

/** A nice value: the kernel's own answer is 20 minus it, which later steps must not take for it */
export const NICE: Result = {
  type: 'number',
  ref: 'Ref<Nice>',
  kind: 'out',
  combine: (_outs, result) => 20 - Number(result),
}

/** What the kernel wrote into several out-parameters, put together. */
export const combined = (type: string, combine: NonNullable<Result['combine']>): Result => ({ ...out(type), combine })

/** Descriptors that the kernel wrote, by name; a program refers to each. */
export const fds = (...names: readonly string[]): Result => ({
  type: `{ ${names.map((name) => `readonly ${name}: Fd`).join('; ')} }`,
  ref: `{ ${names.map((name) => `readonly ${name}: Ref<Fd>`).join('; ')} }`,
  kind: 'out',
})
