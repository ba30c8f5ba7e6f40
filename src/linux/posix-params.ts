import { InvalidInputError } from '../base/errors.ts'
import type { EncodedOut, Param, Result } from './call.ts'
import { maskOf } from './set-params.ts'
import { combined } from './results.ts'
import { checkInteger, octal } from './scalar-fields.ts'
import { describeValue, printNumber } from './show-value.ts'
import { RLIMIT, TIMESPEC } from './structs/process.ts'
import { printSignalMask } from './signal.ts'
import type { RusageDecoded } from './generated/signatures.ts'
import type { Pid } from './ref.ts'
import { decodeWaitStatus, type WaitStatus } from './wait-status.ts'

/** A soft and a hard limit; 0xffffffffffffffffn is RLIM_INFINITY. */
export interface LimitPair {
  readonly cur: bigint
  readonly max: bigint
}

/** A limit to set; -1 is RLIM_INFINITY. */
export interface LimitPairInput {
  readonly cur: number | bigint
  readonly max: number | bigint
}

/** The limits of setrlimit(2): one word. */
export const limitPair = (name = 'rlim'): Param => ({
  name,
  type: 'LimitPairInput',
  encode(value, to, call) {
    const where = `${call}.${name}`
    if (typeof value !== 'object' || value === null || !('cur' in value) || !('max' in value)) {
      throw new InvalidInputError(`${where} must be an object with cur and max, not ${describeValue(value)}`, {
        field: where,
      })
    }
    const [rlim_cur, rlim_max] = [limitOf(value.cur, `${where}.cur`), limitOf(value.max, `${where}.max`)]
    to.pushData(RLIMIT.encode({ rlim_cur, rlim_max }, to, where))
  },
  print(value, arch) {
    const { cur, max } = value as LimitPairInput
    return RLIMIT.print({ rlim_cur: unsigned(cur), rlim_max: unsigned(max) }, arch)
  },
})

/** -1 is RLIM_INFINITY, all bits of it. @throws InvalidInputError */
function limitOf(value: unknown, where: string): number | bigint {
  const limit = checkInteger(value, 8, where)
  if (limit >= -1) return limit
  throw new InvalidInputError(`${where} must be a number from 0 on, or -1 for no limit, not ${limit}`, { field: where })
}

const unsigned = (limit: number | bigint): bigint => BigInt.asUintN(64, BigInt(limit))

/** What getrlimit(2) gives, of a struct rlimit64. */
export const LIMIT_PAIR: Result = combined('LimitPair', ([limit]): LimitPair => {
  const { rlim_cur, rlim_max } = limit as { rlim_cur: bigint; rlim_max: bigint }
  return { cur: rlim_cur, max: rlim_max }
})

/** How a child changed; `pid` 0 and no status when none has (WNOHANG). */
export interface Waited {
  readonly pid: Pid
  /** null when no child has changed */
  readonly status: WaitStatus | null
  /** The status word as the kernel wrote it */
  readonly raw: number
  readonly rusage: RusageDecoded
}

/** What waitpid(2) gives, of a status word and a struct rusage. */
export const WAITED: Result = combined('Waited', ([status, rusage], result): Waited => {
  const raw = Number(status)
  return {
    pid: Number(result),
    status: Number(result) === 0 ? null : decodeWaitStatus(raw),
    raw,
    rusage: rusage as RusageDecoded,
  }
})

/** Permission bits to which the kind of file is added: `mkfifo`. */
export const modeOfKind = (kind: number, kindName: string, name = 'mode'): Param => ({
  name,
  type: 'number',
  encode(value, to, call) {
    const where = `${call}.${name}`
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0o7777) {
      throw new InvalidInputError(`${where} must be permission bits from 0 to 0o7777, not ${describeValue(value)}`, {
        field: where,
      })
    }
    to.pushNumber(kind | value)
  },
  print: (value) => `${kindName}|${octal(value)}`,
})

/** How long to wait, in milliseconds; null and negative numbers mean for ever. Becomes the address of a timespec: one word. */
export const milliseconds = (name = 'timeout'): Param => ({
  name,
  type: 'number | null',
  encode(value, to, call) {
    if (value === null || (typeof value === 'number' && value < 0)) return to.pushNumber(0)
    if (typeof value !== 'number' || !(value <= Number.MAX_SAFE_INTEGER)) {
      throw new InvalidInputError(`${call}.${name} must be milliseconds or null, not ${describeValue(value)}`, {
        field: `${call}.${name}`,
      })
    }
    to.pushData(TIMESPEC.encode(timespecOf(value), to, `${call}.${name}`))
  },
  print: (value, arch) =>
    value === null || Number(value) < 0 ? 'NULL' : TIMESPEC.print(timespecOf(Number(value)), arch),
})

function timespecOf(ms: number): { tv_sec: number; tv_nsec: number } {
  const seconds = Math.floor(ms / 1e3)
  const ns = Math.round((ms - seconds * 1e3) * 1e6)
  return ns < 1e9 ? { tv_sec: seconds, tv_nsec: ns } : { tv_sec: seconds + 1, tv_nsec: 0 }
}

/** The address of a signal mask's address and size, as pselect6(2) wants it: one word; null leaves the mask as it is. */
export const signalMaskPair = (name = 'sigmask'): Param => ({
  name,
  type: 'readonly (Signal | number)[] | bigint | null',
  encode(value, to, call) {
    if (value === null) return to.pushNumber(0)
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, maskOf(value, `${call}.${name}`), true)
    const mask = to.place(bytes)
    const pair = to.place(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0))
    to.relocate(pair, { kind: 'data', value: mask }, 8)
    to.pushData(pair)
  },
  print: (value) => (value === null ? 'NULL' : `{sigmask=${printSignalMask(maskOf(value, name))}, sigsetsize=8}`),
})

/** What comes with a queued signal; the kernel takes the sender's word for `pid` and `uid`. */
export interface QueuedSignal {
  readonly value: number | bigint
  readonly pid?: number
  readonly uid?: number
}

const SIGINFO_SIZE = 128
const SI_QUEUE = -1

/** The siginfo_t of rt_sigqueueinfo(2): one word. The kernel fills in the number of the signal. */
export const queuedInfo = (name = 'info'): Param => ({
  name,
  type: 'QueuedSignal',
  encode(value, to, call) {
    const { value: sent, pid = 0, uid = 0 } = checkQueued(value, `${call}.${name}`)
    const bytes = new Uint8Array(SIGINFO_SIZE)
    const view = new DataView(bytes.buffer)
    view.setInt32(8, SI_QUEUE, true)
    view.setInt32(16, pid, true)
    view.setUint32(20, uid, true)
    view.setBigInt64(24, BigInt.asIntN(64, BigInt(sent)), true)
    to.pushData(to.place(bytes))
  },
  print(value) {
    const { value: sent, pid = 0, uid = 0 } = value as QueuedSignal
    return `{si_code=SI_QUEUE, si_pid=${pid}, si_uid=${uid}, si_value=${printNumber(sent)}}`
  },
})

function checkQueued(value: unknown, where: string): QueuedSignal {
  if (typeof value !== 'object' || value === null) {
    throw new InvalidInputError(`${where} must be an object with a value, and pid and uid of the sender`, {
      field: where,
    })
  }
  const { value: sent, pid = 0, uid = 0 } = value as Partial<QueuedSignal>
  return {
    value: checkInteger(sent, 8, `${where}.value`),
    pid: Number(checkInteger(pid, 4, `${where}.pid`)),
    uid: Number(checkInteger(uid, 4, `${where}.uid`)),
  }
}

/** Largest file handle of name_to_handle_at(2) */
const MAX_HANDLE_SZ = 128
const HANDLE_HEAD = 8

/** A file without its path: what name_to_handle_at(2) gives and open_by_handle_at(2) takes. */
export interface KernelFileHandle {
  readonly type: number
  readonly handle: Uint8Array
}

/** Room for a file handle, which the kernel reads and writes: one word. */
export const outFileHandle: Param = {
  name: 'handle',
  type: 'KernelFileHandle',
  implied: true,
  encode(_value, to): EncodedOut {
    const bytes = new Uint8Array(HANDLE_HEAD + MAX_HANDLE_SZ)
    bytes[0] = MAX_HANDLE_SZ
    const at = to.share(bytes)
    to.pushData(at)
    return {
      at,
      decode({ data }): KernelFileHandle {
        const view = new DataView(data.buffer, data.byteOffset + at, HANDLE_HEAD + MAX_HANDLE_SZ)
        const size = Math.min(MAX_HANDLE_SZ, view.getUint32(0, true))
        return {
          type: view.getInt32(4, true),
          handle: Uint8Array.from(data.subarray(at + HANDLE_HEAD, at + HANDLE_HEAD + size)),
        }
      },
    }
  },
  print: () => '…',
}

/** A file handle: one word. */
export const fileHandle: Param = {
  name: 'handle',
  type: 'KernelFileHandle',
  encode(value, to, call) {
    const given = checkHandle(value, `${call}.handle`)
    const bytes = new Uint8Array(HANDLE_HEAD + given.handle.length)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, given.handle.length, true)
    view.setInt32(4, given.type, true)
    bytes.set(given.handle, HANDLE_HEAD)
    to.pushData(to.place(bytes))
  },
  print: (value) =>
    `{handle_bytes=${(value as KernelFileHandle).handle.length}, handle_type=${(value as KernelFileHandle).type}}`,
}

function checkHandle(value: unknown, where: string): KernelFileHandle {
  const given = value as KernelFileHandle | null
  if (typeof given !== 'object' || given === null || !(given.handle instanceof Uint8Array)) {
    throw new InvalidInputError(`${where} must be what name_to_handle_at gave`, { field: where })
  }
  const { type, handle } = given
  if (handle.length > MAX_HANDLE_SZ) {
    throw new InvalidInputError(`${where}.handle must be at most ${MAX_HANDLE_SZ} bytes, not ${handle.length}`, {
      field: `${where}.handle`,
    })
  }
  return { type: Number(checkInteger(type, 4, `${where}.type`)), handle }
}
