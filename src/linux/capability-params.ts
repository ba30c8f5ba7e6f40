import { InvalidInputError } from '../base/errors.ts'
import type { EncodedOut, Param } from './call.ts'
import { choiceValue, nameOf } from './constant-set.ts'
import { Ref } from './ref.ts'
import { checkInteger } from './scalar-fields.ts'
import { wholeMask } from './set-params.ts'
import { describeValue } from './show-value.ts'
import { CAPABILITIES, type Capability } from './tables/capabilities.ts'

/** _LINUX_CAPABILITY_VERSION_3: 64-bit sets. */
const VERSION = 0x20080522

/** Capabilities by name, or a mask whose bit n is capability n. */
export type CapabilitySet = readonly (Capability | number)[] | bigint

/** What capset(2) sets: all three sets together; one left out is empty. */
export interface CapabilitySetsInput {
  readonly effective?: CapabilitySet
  readonly permitted?: CapabilitySet
  readonly inheritable?: CapabilitySet
}

/** What capget(2) tells. */
export interface CapabilitySets {
  readonly effective: bigint
  readonly permitted: bigint
  readonly inheritable: bigint
}

const SETS = ['effective', 'permitted', 'inheritable'] as const

/**
 * The mask of capabilities by name or number.
 * @throws InvalidInputError for a name or number that is no capability
 */
export function capabilityMask(set: CapabilitySet | undefined, where = 'capabilities'): bigint {
  if (typeof set === 'bigint') return wholeMask(set, where)
  if (set !== undefined && !Array.isArray(set)) {
    throw new InvalidInputError(`${where} must be a list of capabilities or a mask, not ${describeValue(set)}`, {
      field: where,
    })
  }
  let mask = 0n
  for (const item of set ?? []) mask |= 1n << bitOf(item, where)
  return mask
}

function bitOf(capability: unknown, where: string): bigint {
  const number = choiceValue(CAPABILITIES, capability, 'x64', where)
  if (number >= 0 && number < 64) return BigInt(number)
  throw new InvalidInputError(`${where} must hold capabilities from 0 to 63, not ${number}`, { field: where })
}

/** The names in a mask; bits without a name as `cap N`. */
export function capabilityNames(mask: bigint): string[] {
  const names: string[] = []
  for (let n = 0; n < 64; n++) if ((mask >> BigInt(n)) & 1n) names.push(nameOf(CAPABILITIES, n) ?? `cap ${n}`)
  return names
}

function header(pid: number): Uint8Array {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, VERSION, true)
  view.setInt32(4, pid, true)
  return bytes
}

/** The header of capset(2), for the calling thread. */
export const capHeader: Param = {
  name: 'hdrp',
  type: 'never',
  implied: true,
  encode: (_value, to) => to.pushData(to.place(header(0))),
  print: () => '{version=_LINUX_CAPABILITY_VERSION_3, pid=0}',
}

/** The header of capget(2), for a thread. */
export const capHeaderOf: Param = {
  name: 'pid',
  type: 'number',
  ref: 'Pid',
  encode(value, to, call) {
    const isRef = value instanceof Ref
    const at = to.place(header(isRef ? 0 : Number(checkInteger(value, 4, `${call}.pid`))))
    if (isRef) to.relocate(at + 4, to.wordOf(value), 4)
    to.pushData(at)
  },
  print: (value) => `{version=_LINUX_CAPABILITY_VERSION_3, pid=${value instanceof Ref ? value.label : String(value)}}`,
}

function setsOf(value: unknown, where: string): Record<string, CapabilitySet | undefined> {
  if (typeof value !== 'object' || value === null) {
    throw new InvalidInputError(`${where} must be an object of ${SETS.join(', ')}`, { field: where })
  }
  for (const key of Object.keys(value)) {
    if ((SETS as readonly string[]).includes(key)) continue
    throw new InvalidInputError(`${where} has no set ${key}: it has ${SETS.join(', ')}`, { field: `${where}.${key}` })
  }
  return value as Record<string, CapabilitySet | undefined>
}

/** The sets that capset(2) sets: two structs of 32 bits each. */
export const capData: Param = {
  name: 'datap',
  type: 'CapabilitySetsInput',
  encode(value, to, call) {
    const sets = setsOf(value, `${call}.datap`)
    const bytes = new Uint8Array(24)
    const view = new DataView(bytes.buffer)
    SETS.forEach((name, i) => {
      const mask = capabilityMask(sets[name], `${call}.datap.${name}`)
      view.setUint32(4 * i, Number(mask & 0xffffffffn), true)
      view.setUint32(12 + 4 * i, Number((mask >> 32n) & 0xffffffffn), true)
    })
    to.pushData(to.place(bytes))
  },
  print(value) {
    const sets = setsOf(value, 'datap')
    return `{${SETS.map((name) => `${name}=${printMask(capabilityMask(sets[name]))}`).join(', ')}}`
  },
}

const printMask = (mask: bigint): string =>
  mask === 0n
    ? '0'
    : capabilityNames(mask)
        .map((name) => `1<<${name}`)
        .join('|')

/** The sets that capget(2) tells. */
export const outCapData: Param = {
  name: 'datap',
  type: 'CapabilitySets',
  implied: true,
  encode(_value, to): EncodedOut {
    const at = to.reserve(24)
    to.push({ kind: 'reply', value: at })
    return {
      at,
      decode({ reply }) {
        const view = new DataView(reply.buffer, reply.byteOffset + at, 24)
        const word = (i: number) =>
          BigInt(view.getUint32(4 * i, true)) | (BigInt(view.getUint32(12 + 4 * i, true)) << 32n)
        return Object.fromEntries(SETS.map((name, i) => [name, word(i)]))
      },
    }
  },
  print: () => '…',
}
