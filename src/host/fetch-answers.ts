import type { Ref } from '../linux/ref.ts'
import type { Caller } from '../process/caller.ts'
import { type Program, program } from '../program/builder.ts'
import type { ProgramResult } from '../program/result.ts'
import type { AnyAnswer, Question } from './question-recorder.ts'
import type { SourceEntry } from './source.ts'

/** Room for a text or a directory at first: a page is the most that a file of sysfs gives */
const FIRST_BYTES = 4096
/** Files that are longer than this are not what a probe looks into */
const MOST_BYTES = 4 * 2 ** 20
/** Questions of one program, so that its reply stays far below the size of a frame */
const AT_ONCE = 512

/** Reads a step's results once the program has run; undefined when there was not room enough. */
type Reading = (result: ProgramResult) => { readonly answer: AnyAnswer } | undefined

/** Answers questions by programs in a process: a message for all of them, further ones for what is longer than usual. */
export async function fetchAnswers(
  caller: Caller,
  questions: readonly Question[],
): Promise<readonly (readonly [Question, AnyAnswer])[]> {
  const found: (readonly [Question, AnyAnswer])[] = []
  let open = questions
  for (let room = FIRST_BYTES; open.length && room <= MOST_BYTES; room *= 8) {
    const short: Question[] = []
    const atOnce = Math.max(1, Math.floor((AT_ONCE * FIRST_BYTES) / room))
    for (let from = 0; from < open.length; from += atOnce) {
      const part = open.slice(from, from + atOnce)
      for (const [question, reading] of await ask(caller, part, room)) {
        if (reading) found.push([question, reading.answer])
        else short.push(question)
      }
    }
    open = short
  }
  return [...found, ...open.map((question) => [question, undefined] as const)]
}

async function ask(
  caller: Caller,
  questions: readonly Question[],
  room: number,
): Promise<(readonly [Question, ReturnType<Reading>])[]> {
  const p = program()
  p.because('host', 'What this process sees of the machine')
  const readings = questions.map((question) => [question, ASK[question.kind](p, question, room)] as const)
  const result = await caller.run(p)
  return readings.map(([question, reading]) => [question, reading(result)] as const)
}

/** Every reason why a file cannot be read, for `tolerate`: a probe takes "cannot" for "is not there". */
const ERRORS = [
  ...['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENXIO', 'ENODEV', 'EIO', 'EINVAL', 'EISDIR', 'EROFS', 'ESRCH'],
  ...['ENODATA', 'EOPNOTSUPP', 'ERANGE', 'ENAMETOOLONG', 'ENOMEM', 'EBUSY', 'EAGAIN', 'ETXTBSY', 'EOVERFLOW', 'ENOSYS'],
] as const

const tolerant = (p: Program): Program => {
  p.tolerate(...ERRORS)
  return p
}

const bytesOf = (result: ProgramResult, ref: Ref<Uint8Array>): Uint8Array | undefined => {
  const value: unknown = result.get(ref)
  return value instanceof Uint8Array ? value : undefined
}

function textOf(chunks: readonly Uint8Array[]): string {
  const decoder = new TextDecoder()
  return chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join('') + decoder.decode()
}

type Ask = (p: Program, question: Question, room: number) => Reading

const ASK: Readonly<Record<Question['kind'], Ask>> = {
  text(p, { path }, room) {
    // O_NONBLOCK: a probe must not wait for the other end of a FIFO.
    const file = tolerant(p).openat('AT_FDCWD', path, ['O_RDONLY', 'O_CLOEXEC', 'O_NONBLOCK'])
    // Kernel files give whole records, a page of them at a time however much is asked for: only a read that gives nothing shows the end.
    const reads = Array.from({ length: room / FIRST_BYTES + 1 }, () => tolerant(p).read(file, FIRST_BYTES))
    tolerant(p).close(file)
    return (result) => {
      const chunks = reads.map((read) => bytesOf(result, read))
      // What came before an error is half a file: the group or the process that it told of has gone meanwhile.
      if (!chunks.every((chunk) => chunk !== undefined)) return { answer: undefined }
      return chunks.at(-1)?.length ? undefined : { answer: textOf(chunks) }
    }
  },
  names(p, { path }, room) {
    const file = tolerant(p).openat('AT_FDCWD', path, ['O_RDONLY', 'O_DIRECTORY', 'O_CLOEXEC'])
    const listed = tolerant(p).getdents64(file, room)
    const rest = tolerant(p).getdents64(file, room)
    tolerant(p).close(file)
    return (result) => {
      const entries: unknown = result.get(listed)
      if (!Array.isArray(entries)) return { answer: undefined }
      const more: unknown = result.get(rest)
      if (Array.isArray(more) && more.length) return undefined
      const names = (entries as { readonly name: string }[]).map(({ name }) => name)
      return { answer: names.filter((name) => name !== '.' && name !== '..').sort() }
    }
  },
  entry(p, { path }) {
    const stat = tolerant(p).statx('AT_FDCWD', path, ['AT_SYMLINK_NOFOLLOW'], ['STATX_BASIC_STATS'])
    const target = tolerant(p).readlinkat('AT_FDCWD', path)
    return (result) => ({ answer: entryOf(result.get(stat), result.get(target)) })
  },
  mode(p, { path }) {
    const stat = tolerant(p).statx('AT_FDCWD', path, [], ['STATX_BASIC_STATS'])
    return (result) => ({ answer: statOf(result.get(stat))?.stx_mode })
  },
  write(p, { path }) {
    const index = p.length
    // With the effective ids, which are those that a write has to do with.
    tolerant(p).faccessat2('AT_FDCWD', path, ['W_OK'], ['AT_EACCESS'])
    return (result) => ({ answer: result.errno(index) ?? 'ok' })
  },
  attribute(p, { path, name = '' }, room) {
    const value = tolerant(p).getxattr(path, name, Math.min(room, FIRST_BYTES))
    return (result) => {
      const bytes = bytesOf(result, value)
      return { answer: bytes && new TextDecoder().decode(bytes) }
    }
  },
}

interface Stat {
  readonly stx_mode: number
  readonly stx_uid: number
  readonly stx_size: number | bigint
}

const statOf = (value: unknown): Stat | undefined => (typeof value === 'object' ? (value as Stat) : undefined)

/** S_IFMT and three of its values, inode(7) */
const [S_IFMT, S_IFDIR, S_IFREG, S_IFLNK] = [0o170000, 0o040000, 0o100000, 0o120000]

function entryOf(stat: unknown, target: unknown): SourceEntry | undefined {
  const found = statOf(stat)
  if (!found) return undefined
  const { stx_mode: mode, stx_uid: uid } = found
  const size = Number(found.stx_size)
  const type = mode & S_IFMT
  if (type === S_IFLNK && typeof target === 'string') return { kind: 'symlink', target, mode, uid, size }
  return { kind: type === S_IFDIR ? 'directory' : type === S_IFREG ? 'file' : 'other', mode, uid, size }
}
