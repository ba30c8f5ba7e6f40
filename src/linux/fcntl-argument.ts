import type { Arch } from './arch.ts'
import type { Param } from './call.ts'
import type { ConstantSet } from './constant-set.ts'
import { flagsValue, printFlags } from './flags.ts'
import { Memory } from './memory.ts'
import { printRaw, pushRaw } from './params.ts'
import { Ref } from './ref.ts'
import { FLOCK } from './structs/files.ts'
import { FD_FLAGS, SEALS } from './tables/fcntl.ts'
import { OPEN } from './tables/open.ts'

const SETS: readonly (readonly [prefix: string, set: ConstantSet])[] = [
  ['FD_', FD_FLAGS],
  ['F_SEAL_', SEALS],
  ['', OPEN],
]

/** The set that flags by name belong to; numbers alone need none. */
function setOf(value: unknown): ConstantSet | undefined {
  const items: readonly unknown[] = Array.isArray(value) ? value : typeof value === 'string' ? [value] : []
  const name = items.find((item) => typeof item === 'string')
  if (name === undefined) return Array.isArray(value) ? OPEN : undefined
  return SETS.find(([prefix]) => name.startsWith(prefix))?.[1]
}

const isLock = (value: unknown): value is object =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Uint8Array || value instanceof Memory || value instanceof Ref)

/**
 * The argument of fcntl(2): a number; flags by name (`FD_CLOEXEC` of F_SETFD, `O_NONBLOCK` of F_SETFL, seals of F_ADD_SEALS), alone or
 * in a list; a lock (F_SETLK); memory for what the kernel writes (F_GETLK). Zero when left out.
 */
export const fcntlArgument: Param = {
  name: 'arg',
  type: 'FcntlArg',
  ref: 'unknown',
  optional: true,
  encode(value, to, call) {
    const where = `${call}.arg`
    const set = setOf(value)
    if (set) return to.pushNumber(flagsValue(set, value, to.arch, where))
    if (isLock(value)) return to.pushData(FLOCK.encode(value, to, where))
    return pushRaw(value, to, where)
  },
  print(value, arch: Arch = 'x64') {
    const set = setOf(value)
    if (set) return printFlags(set, value, arch)
    return isLock(value) ? FLOCK.print(value, arch) : printRaw(value)
  },
}
