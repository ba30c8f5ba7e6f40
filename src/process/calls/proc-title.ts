import { InvalidInputError } from '../../base/errors.ts'
import { succeeded } from '../../program/result.ts'
import type { Call } from '../../linux/call.ts'
import { outBlock } from '../../linux/memory-params.ts'
import { choice } from '../../linux/params.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import { out } from '../../linux/results.ts'
import { PRCTL } from '../../linux/tables/prctl.ts'
import { type Program, program } from '../../program/builder.ts'
import type { Caller } from '../caller.ts'

/** What ps(1) and top(1) show of a process from now on. */
export interface ProcessTitle {
  /** `/proc/PID/comm`: the first 15 bytes of the title, cut between characters */
  readonly comm: string
  /** `/proc/PID/cmdline`: as much of the title as there is room for; null when it could not be set, for want of a `/proc` */
  readonly cmdline: string | null
}

/** What the processes of a tree showed before the first title: they are forks of one program. */
export interface OriginalTitle {
  known?: { readonly comm: Uint8Array; readonly area: Uint8Array }
}

/** Where the kernel looks for the arguments and, behind them, the environment of a process: fields 48 to 51 of proc_pid_stat(5). */
interface TitleArea {
  readonly address: bigint
  readonly size: number
}

const encoder = new TextEncoder()

/** TASK_COMM_LEN of linux/sched.h, without the NUL */
const COMM_BYTES = 15
/** The kernel shows a title that goes on into the environment up to one page, get_mm_proctitle() of fs/proc/base.c */
const PAGE_BYTES = 4096
/** Enough of /proc/self/stat: 52 numbers of at most 20 digits, and a name */
const STAT_BYTES = 2048

/**
 * Names a process for ps(1); an empty title brings back what was there at the start of the tree. A longer title than there is room
 * for is cut, between characters; the result tells what is shown.
 * @throws InvalidInputError for NUL in the title; SyscallError, StateError, AgentError
 */
export async function setTitle(caller: Caller, title: string, original: OriginalTitle): Promise<ProcessTitle> {
  if (typeof title !== 'string' || title.includes('\0')) {
    throw new InvalidInputError('title must be text without NUL: the kernel would end it there', { field: 'title' })
  }
  const area = await findArea(caller)
  original.known ??= await readShown(caller, area)
  const { known } = original
  const shown = title === '' ? known.area : cut(encoder.encode(title), (area?.size ?? 1) - 1)
  const comm = title === '' ? known.comm : cut(encoder.encode(title), COMM_BYTES)
  const p = program()
  p.because('title', 'What /proc/PID/comm and /proc/PID/cmdline show')
  // As bytes: text that begins with PR_ or SIG would be taken for a constant.
  p.prctl('PR_SET_NAME', padded(comm, COMM_BYTES + 1))
  if (area) writeArea(p, area, padded(shown, area.size))
  await caller.run(p)
  return { comm: textOf(comm), cmdline: area ? textOf(shown) : null }
}

/** Undefined without a /proc that shows this process. */
async function findArea(caller: Caller): Promise<TitleArea | undefined> {
  const p = program()
  const file = p.openat('AT_FDCWD', '/proc/self/stat', ['O_RDONLY', 'O_CLOEXEC'])
  const text = p.read(file, STAT_BYTES)
  p.close(file)
  const result = await caller.attempt(p)
  // A process in another pid namespace than that of /proc has no `self` there, and an empty root has no /proc.
  if (result.failure?.call === 'openat') return undefined
  return areaOf(new TextDecoder().decode(succeeded(result).get(text)))
}

/** @returns undefined where the kernel hides the addresses (zeros), or they are not next to each other */
export function areaOf(stat: string): TitleArea | undefined {
  // The name, field 2, may hold anything; the last parenthesis ends it, and what follows begins with field 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [start, argumentsEnd, environment, end] = [48, 49, 50, 51].map((field) => BigInt(fields[field - 3] ?? 0))
  if (!start || !argumentsEnd || !environment || !end || argumentsEnd <= start) return undefined
  const last = environment === argumentsEnd && end > environment ? end : argumentsEnd
  return { address: start, size: Math.min(Number(last - start), PAGE_BYTES) }
}

async function readShown(caller: Caller, area: TitleArea | undefined): Promise<NonNullable<OriginalTitle['known']>> {
  const p = program()
  const comm = p.add(GET_NAME, ['PR_GET_NAME', COMM_BYTES + 1]) as Ref<Uint8Array>
  const shown = area ? readArea(p, area) : undefined
  const result = await caller.run(p)
  return { comm: untilNul(result.get(comm)), area: shown ? result.get(shown) : new Uint8Array() }
}

const GET_NAME: Call = {
  name: 'prctl',
  params: [choice(PRCTL, 'option'), outBlock()],
  result: out('Uint8Array'),
}

/** Bytes at an address of the process itself: through a pipe, which needs no right over the process. */
function writeArea(p: Program, area: TitleArea, bytes: Uint8Array): void {
  const pipe = p.pipe2(['O_CLOEXEC'])
  p.write(pipe.write, bytes)
  p.syscall('read', pipe.read, area.address, bytes.length)
  closeBoth(p, pipe)
}

function readArea(p: Program, area: TitleArea): Ref<Uint8Array> {
  const pipe = p.pipe2(['O_CLOEXEC'])
  p.syscall('write', pipe.write, area.address, area.size)
  const bytes = p.read(pipe.read, area.size)
  closeBoth(p, pipe)
  return bytes
}

function closeBoth(p: Program, pipe: { readonly read: Ref<Fd>; readonly write: Ref<Fd> }): void {
  p.close(pipe.read)
  p.close(pipe.write)
}

/** At most so many bytes of UTF-8, no character of it cut in two. */
export function cut(bytes: Uint8Array, most: number): Uint8Array {
  if (bytes.length <= most) return bytes
  let end = most
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}

function padded(bytes: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size)
  result.set(bytes.subarray(0, size))
  return result
}

const untilNul = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, (bytes.indexOf(0) + 1 || bytes.length + 1) - 1)

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(untilNul(bytes))
