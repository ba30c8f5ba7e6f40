import { FIELD_TYPES, STRUCTS } from './wire.ts'

type Structs = typeof STRUCTS
type FieldNames<S extends keyof Structs> = Structs[S][number][0]

/** Byte offsets of a wire struct's fields and its size. */
export type Layout<S extends keyof Structs> = { readonly [F in FieldNames<S>]: number } & { readonly size: number }

function layoutOf<S extends keyof Structs>(name: S): Layout<S> {
  const offsets: Record<string, number> = {}
  let at = 0
  for (const [field, type, count = 1] of STRUCTS[name] as readonly (readonly [
    string,
    keyof typeof FIELD_TYPES,
    number?,
  ])[]) {
    offsets[field] = at
    at += FIELD_TYPES[type].size * count
  }
  return { ...offsets, size: at } as Layout<S>
}

export const FRAME = layoutOf('frame')
export const HELLO = layoutOf('hello')
export const PROGRAM = layoutOf('program')
export const STEP = layoutOf('step')
export const RELOCATION = layoutOf('relocation')
export const SEND = layoutOf('send')
export const REPLY = layoutOf('reply')
export const FAULT = layoutOf('fault')
export const CLEANUP = layoutOf('cleanup')
export const SIGNALS = layoutOf('signals')
export const FILTER = layoutOf('filter')
export const OPTIONS = layoutOf('options')
export const ORPHAN = layoutOf('orphan')
export const FOLLOW = layoutOf('follow')
export const EXITED = layoutOf('exited')
