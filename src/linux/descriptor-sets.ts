import { InvalidInputError } from '../base/errors.ts'
import type { EncodedOut, Param } from './call.ts'
import type { Result } from './call.ts'
import { combined } from './results.ts'
import { pushShared } from './in-out-params.ts'
import { bitsIn } from './set-params.ts'
import { describeValue } from './show-value.ts'

/** Which descriptors are ready: what select(2) gives. */
export interface Selected {
  readonly read: readonly number[]
  readonly write: readonly number[]
  readonly except: readonly number[]
}

/** FD_SETSIZE: descriptors of one set. ppoll(2) has no such limit */
export const FD_SETSIZE = 1024

function setOf(value: unknown, where: string): Uint8Array {
  const bytes = new Uint8Array(FD_SETSIZE / 8)
  if (!Array.isArray(value)) {
    throw new InvalidInputError(`${where} must be a list of descriptors or null, not ${describeValue(value)}`, {
      field: where,
    })
  }
  value.forEach((fd: unknown, i) => {
    if (typeof fd !== 'number' || !Number.isInteger(fd) || fd < 0 || fd >= FD_SETSIZE) {
      const rule = `a number from 0 to ${FD_SETSIZE - 1}: use ppoll for higher ones and for results of earlier steps`
      throw new InvalidInputError(`${where}[${i}] must be ${rule}`, { field: `${where}[${i}]` })
    }
    bytes[fd >> 3] = bytes[fd >> 3]! | (1 << (fd & 7))
  })
  return bytes
}

/** A set of select(2), read and written by the kernel: one word; null and an empty list are NULL. Gives the descriptors left in it. */
export const descriptorSet = (name: string): Param => ({
  name,
  type: 'readonly number[] | null',
  encode(value, to, call): EncodedOut {
    const bytes = value === null ? undefined : setOf(value, `${call}.${name}`)
    if (!bytes?.some((byte) => byte !== 0)) {
      to.pushNumber(0)
      return { at: 0, decode: () => [] }
    }
    const at = pushShared(to, bytes)
    return { at, decode: ({ data }) => bitsIn(data.subarray(at, at + bytes.length)) }
  },
  print(value) {
    const list = (value ?? []) as readonly number[]
    return list.length ? `[${list.join(' ')}]` : 'NULL'
  },
})

/**
 * The three sets of select(2) put together. The kernel leaves the bits above the table of open descriptors as they were (select(2),
 * BUGS), but does not count them: the highest ones beyond its count are not ready.
 */
export const SELECTED: Result = combined('Selected', (outs, result): Selected => {
  const sets = outs as readonly (readonly number[])[]
  const all = sets.flat().toSorted((a, b) => a - b)
  const surplus = all.length - Number(result)
  const end = surplus > 0 ? (all[all.length - surplus] ?? 0) : FD_SETSIZE
  const [read = [], write = [], except = []] = sets.map((set) => set.filter((fd) => fd < end))
  return { read, write, except }
})
