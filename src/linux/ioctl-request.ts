import { InvalidInputError } from '../base/errors.ts'
import type { Arch } from './arch.ts'
import type { Param } from './call.ts'
import { type ConstantSet, nameOf } from './constant-set.ts'
import { didYouMean } from './nearest.ts'
import { printRaw, raw } from './params.ts'
import { describeValue } from './show-value.ts'
import type { Struct } from './struct.ts'
import { IFREQ_FLAGS, IFREQ_TUN } from './structs/sockets.ts'
import { IOCTL_BLOCK, IOCTL_NET, IOCTL_NS, IOCTL_SECCOMP, IOCTL_TTY, IOCTL_TUN } from './tables/ioctl.ts'

/** The sets of ioctl(2) requests, by kind of device. */
const SETS: readonly ConstantSet[] = [IOCTL_TTY, IOCTL_NET, IOCTL_TUN, IOCTL_BLOCK, IOCTL_NS, IOCTL_SECCOMP]

function requestNumber(value: unknown, field: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value
  if (typeof value !== 'string') {
    throw new InvalidInputError(`${field} must be a name or a number of 32 bits, not ${describeValue(value)}`, {
      field,
    })
  }
  const name = value
  for (const set of SETS) {
    const number = Object.hasOwn(set.values, name) ? set.values[name] : undefined
    if (typeof number === 'number') return number
  }
  const guess = didYouMean(
    name,
    SETS.flatMap((set) => Object.keys(set.values)),
  )
  throw new InvalidInputError(`${field} has no request ${JSON.stringify(name)}${guess}`, { field })
}

/** The request of ioctl(2): its name or number. */
export const ioctlRequest: Param = {
  name: 'request',
  type: 'IoctlRequest | number',
  encode: (value, to, call) => to.pushNumber(requestNumber(value, `${call}.request`)),
  print(value) {
    const number = requestNumber(value, 'request')
    if (typeof value === 'string') return value
    return SETS.map((set) => nameOf(set, number)).find((name) => name !== undefined) ?? `0x${number.toString(16)}`
  },
}

/** What requests find at the address that they are given. */
const STRUCT_OF: Readonly<Record<string, Struct>> = { SIOCSIFFLAGS: IFREQ_FLAGS, TUNSETIFF: IFREQ_TUN }

/** The fields of a struct, unless the bytes hold more than those say: a listing hides nothing of what is sent. */
function fieldsOf(struct: Struct, bytes: Uint8Array, arch: Arch): Record<string, unknown> | undefined {
  if (bytes.length !== struct.size(arch)) return undefined
  const fields = struct.decode(bytes, 0, arch)
  try {
    return struct.pack(fields, arch).every((byte, at) => byte === bytes[at]) ? fields : undefined
  } catch (error) {
    if (error instanceof InvalidInputError) return undefined
    throw error
  }
}

/** The argument of ioctl(2), without a signature; a listing takes apart the struct of a request that it knows. */
export const ioctlArgument: Param = {
  ...raw('argument'),
  print(value, arch = 'x64', [, request] = []) {
    const struct = typeof request === 'string' && Object.hasOwn(STRUCT_OF, request) ? STRUCT_OF[request] : undefined
    const fields = struct && value instanceof Uint8Array ? fieldsOf(struct, value, arch) : undefined
    return struct && fields ? struct.print(fields, arch) : printRaw(value)
  },
}
