import type { Ref } from '../../linux/ref.ts'
import { type Program, program } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'

/** Bytes read at once: most containers' files are shorter */
const CHUNK = 16384
/** A file longer than this is no list of users. */
const MOST = 256

/** Errors of an image without a readable list of users. */
const NO_FILE = ['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'EISDIR', 'EINVAL', 'ENXIO', 'EIO', 'EAGAIN', 'EPERM'] as const

/** Runs a further program in the same process. */
export type RunMore = (p: Program) => ProgramResult

/** Reads the beginning of the root's own /etc/passwd. Preconditions: the container's root is the root directory. */
export function homeSteps(p: Program, offset = 0): Ref<Uint8Array> {
  p.because('process', 'The home directory of the user, from the container’s own list; no library of the host reads it')
  // A FIFO in its place is not waited for, a magic link not followed.
  const file = p.tolerate(...NO_FILE).openat2('AT_FDCWD', '/etc/passwd', {
    flags: ['O_RDONLY', 'O_NONBLOCK', 'O_NOCTTY', 'O_CLOEXEC'],
    resolve: ['RESOLVE_NO_MAGICLINKS'],
  })
  const bytes = p.tolerate(...NO_FILE, 'ESPIPE').pread64(file, CHUNK, offset)
  p.close(file)
  return bytes
}

/** The home directory of a user, "/" when the list has none. `first` is what the first of `bytes` were read by. */
export function homeOf(
  first: Program,
  result: ProgramResult,
  bytes: Ref<Uint8Array>,
  uid: number,
  more?: RunMore,
): string {
  let rest = ''
  let part = textOf(result.get(bytes))
  for (let chunk = 1; ; chunk++) {
    const isLast = part.length < CHUNK || more === undefined || chunk === MOST
    const text = rest + part
    // A line that goes on in the next part is not read yet.
    const whole = isLast ? text.length : text.lastIndexOf('\n') + 1
    const home = homeIn(text.slice(0, whole), uid)
    if (home !== undefined || isLast) return home ?? '/'
    rest = text.slice(whole)
    const next = program({ arch: first.arch })
    const ref = homeSteps(next, chunk * CHUNK)
    part = textOf(more(next).get(ref))
  }
}

/** One character per byte: what is cut between two parts is whole again when they are put together. */
const textOf = (bytes: unknown): string =>
  bytes instanceof Uint8Array ? bytes.reduce((text, byte) => text + String.fromCharCode(byte), '') : ''

/** The sixth field of the first line about a user (passwd(5)); `passwd` has one character per byte. */
export function homeIn(passwd: string, uid: number): string | undefined {
  for (const line of passwd.split('\n')) {
    const [name, , id, , , home] = line.split(':')
    if (!name || name.startsWith('#') || id !== String(uid) || !home) continue
    return new TextDecoder().decode(Uint8Array.from(home, (char) => char.charCodeAt(0)))
  }
  return undefined
}
