import { hex } from './encode.ts'
import { large, orders, truncated } from './orders.ts'
import { refusals } from './refusals.ts'
import type { Vector } from './vector.ts'

export const VECTORS: readonly Vector[] = [...orders, ...large, ...refusals, ...truncated]

/** The corpus of the fuzz driver: a connection per file, then the answer, as hex. */
export const corpus = (): readonly { readonly path: string; readonly render: () => string }[] =>
  VECTORS.map(({ name, input, answer }) => ({
    path: `agent/test/corpus/${name}.hex`,
    render: () => `${hex(input)}\n${hex(answer)}\n`,
  }))
