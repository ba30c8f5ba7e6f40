import { bytesBetween } from './bytes-between.ts'
import { InvalidInputError } from '../base/errors.ts'
import type { EncodedOut, Param } from './call.ts'
import { didYouMean } from './nearest.ts'
import { decodeStatmount } from './statmount.ts'
import type { Struct } from './struct.ts'
import { LANDLOCK_NET_PORT_ATTR, LANDLOCK_PATH_BENEATH_ATTR } from './structs/events.ts'
import { IOPRIO_CLASS, type IoprioClass } from './tables/sched.ts'
import { QUOTA, QUOTA_TYPE, type QuotaCommand, type QuotaType } from './tables/quota.ts'

/** The first of a few structs that has all fields of a value: how members of a union are told apart. */
export function structOf(value: unknown, structs: readonly Struct[], where: string): Struct {
  if (typeof value !== 'object' || value === null) {
    throw new InvalidInputError(`${where} must be an object`, { field: where })
  }
  const names = structs.map((struct) => new Set(struct.fields.map(([name]) => name)))
  const keys = Object.keys(value)
  const index = names.findIndex((known) => keys.every((key) => known.has(key)))
  const found = structs[index]
  if (found) return found
  const all = new Set(names.flatMap((known) => [...known]))
  const wrong = keys.find((key) => !all.has(key))
  const rule = wrong
    ? `has no field ${JSON.stringify(wrong)}${didYouMean(wrong, all)}`
    : 'mixes fields of different commands'
  throw new InvalidInputError(`${where} ${rule}`, { field: wrong ? `${where}.${wrong}` : where })
}

const LANDLOCK_RULES = [LANDLOCK_PATH_BENEATH_ATTR, LANDLOCK_NET_PORT_ATTR]

/** The rule of landlock_add_rule(2): one word. */
export const landlockRule: Param = {
  name: 'rule_attr',
  type: 'LandlockPathBeneathAttr | LandlockNetPortAttr',
  encode(value, to, call) {
    const where = `${call}.rule_attr`
    to.pushData(structOf(value, LANDLOCK_RULES, where).encode(value, to, where))
  },
  print: (value, arch) => structOf(value, LANDLOCK_RULES, 'rule_attr').print(value, arch),
}

function checkCount(value: unknown, most: number, where: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value
  throw new InvalidInputError(`${where} must be a number from 0 to ${most}`, { field: where })
}

/** Room for what statmount(2) tells, and its size: two words. */
export const outStatmount: Param = {
  name: 'bufsize',
  type: 'number',
  encode(value, to, call): EncodedOut {
    const size = checkCount(value, 1024 * 1024, `${call}.bufsize`)
    const { arch } = to
    const at = to.reserve(size)
    to.push({ kind: 'reply', value: at })
    to.pushNumber(size)
    return { at, decode: ({ reply }) => decodeStatmount(bytesBetween(reply, at, at + size), arch) }
  },
  print: (value) => `…, ${String(value)}`,
}

/** Room for ids of mounts, and how many: two words. */
export const outMountIds: Param = {
  name: 'nr_mnt_ids',
  type: 'number',
  encode(value, to, call): EncodedOut {
    const count = checkCount(value, 100_000, `${call}.nr_mnt_ids`)
    const at = to.reserve(8 * count)
    to.push({ kind: 'reply', value: at })
    to.pushNumber(count)
    return {
      at,
      decode({ result, reply }) {
        const view = new DataView(reply.buffer, reply.byteOffset, reply.byteLength)
        return Array.from({ length: Math.min(count, Number(result)) }, (_, i) => view.getBigUint64(at + 8 * i, true))
      },
    }
  },
  print: (value) => `…, ${String(value)}`,
}

/** The argument of ioprio_set(2): a class and a level from 0 (first) to 7. */
export const ioprioValue = (ioClass: IoprioClass, level = 0): number => (IOPRIO_CLASS.values[ioClass] << 13) | level

/** The command of quotactl(2) for a kind of quota (QCMD). */
export const quotaCommand = (command: QuotaCommand, type: QuotaType): number =>
  ((QUOTA.values[command] << 8) | QUOTA_TYPE.values[type]) >>> 0
