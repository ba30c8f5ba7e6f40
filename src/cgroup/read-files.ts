import type { Ref } from '../linux/ref.ts'
import type { Caller } from '../process/caller.ts'
import { GroupProgram } from './group-program.ts'

/** Bytes of one read: what seq_file gives of a list at once */
const PAGE = 4096
/** Room of one message, far below what a frame can carry */
const MESSAGE_BYTES = 2 * 1024 * 1024
/** Reads of one file, few at first: most lists are short */
const READS = [2, 32, 2048] as const

/**
 * The whole text of some files, null for one that is not there, in as few messages as possible. A list that is longer than a page
 * comes by several reads of one open file, as the kernel gives it.
 * @throws SyscallError EACCES, …
 */
export async function readFiles(caller: Caller, paths: readonly string[]): Promise<Map<string, string | null>> {
  const texts = new Map<string, string | null>()
  let left = paths
  for (const reads of READS) {
    const long: string[] = []
    for (const some of portions(left, Math.max(1, Math.floor(MESSAGE_BYTES / PAGE / reads)))) {
      long.push(...(await readSome(caller, some, reads, texts)))
    }
    left = long
    if (left.length === 0) break
  }
  return texts
}

/** Parts of a list, each of at most `size`. */
export const portions = <T>(list: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))

/** Gives the paths of files that are longer than so many reads. */
async function readSome(
  caller: Caller,
  paths: readonly string[],
  reads: number,
  texts: Map<string, string | null>,
): Promise<string[]> {
  const program = new GroupProgram()
  const files = paths.map((path): [string, Ref<Uint8Array>[]] => [path, readSteps(program, path, reads)])
  const result = await program.run(caller)
  const long: string[] = []
  for (const [path, refs] of files) {
    const chunks = refs.map((ref) => result.get(ref) as Uint8Array | number)
    const parts = chunks.filter((chunk) => chunk instanceof Uint8Array)
    // A file whose group was removed between two reads is as gone as one that cannot be opened.
    const text = parts.length < chunks.length ? null : Buffer.concat(parts).toString()
    texts.set(path, text)
    if (text !== null && parts.at(-1)?.length !== 0) long.push(path)
  }
  return long
}

function readSteps(program: GroupProgram, path: string, reads: number): Ref<Uint8Array>[] {
  return program.about(path, undefined, (p) => {
    const file = p.tolerate(...GONE).openat('AT_FDCWD', path, ['O_RDONLY', 'O_CLOEXEC'])
    const refs = Array.from({ length: reads }, () => p.tolerate(...GONE).read(file, PAGE))
    p.close(file)
    return refs
  })
}

const GONE = ['ENOENT', 'ENODEV', 'EOPNOTSUPP'] as const
