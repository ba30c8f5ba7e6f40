import { InvalidInputError } from '../../base/errors.ts'
import { type Arch, machineArch } from '../arch.ts'
import type { StructTypes } from '../generated/signatures.ts'
import { didYouMean } from '../nearest.ts'
import type { Struct } from '../struct.ts'
import { STRUCTS } from './index.ts'

function find(name: string): Struct {
  const found = Object.hasOwn(STRUCTS, name) ? STRUCTS[name] : undefined
  if (found) return found
  throw new InvalidInputError(`There is no struct ${JSON.stringify(name)}${didYouMean(name, Object.keys(STRUCTS))}`, {
    field: 'name',
  })
}

/**
 * The bytes of a struct without pointers; fields left out are zero.
 * @throws InvalidInputError naming the field
 */
export const encodeStruct = <N extends keyof StructTypes>(
  name: N,
  value: StructTypes[N]['input'],
  arch: Arch = machineArch(),
): Uint8Array => find(name).pack(value, arch)

/** Reads a struct at an offset; fields beyond the end of the bytes are left out. */
export const decodeStruct = <N extends keyof StructTypes>(
  name: N,
  bytes: Uint8Array,
  at = 0,
  arch: Arch = machineArch(),
): StructTypes[N]['decoded'] => find(name).decode(bytes, at, arch) as unknown as StructTypes[N]['decoded']

/** Size of a struct in bytes. */
export const structSize = (name: keyof StructTypes, arch: Arch = machineArch()): number => find(name).size(arch)
