import type { Ref } from '../linux/ref.ts'
import type { DirectoryEntry } from '../linux/directory.ts'
import type { Caller } from '../process/caller.ts'
import { GroupProgram } from './group-program.ts'
import { portions } from './read-files.ts'

const BYTES = 8 * 1024
const PER_MESSAGE = 64

/**
 * Directories of all groups below some others, those above before those below them; what disappears meanwhile is left out. One
 * message per level and 64 groups.
 * @throws SyscallError EACCES, …
 */
export async function directoriesBelow(caller: Caller, directories: readonly string[]): Promise<string[]> {
  const found: string[] = []
  let level = directories
  while (level.length > 0) {
    const next: string[] = []
    for (const some of portions(level, PER_MESSAGE)) next.push(...(await childrenOf(caller, some)))
    found.push(...next)
    level = next
  }
  return found
}

async function childrenOf(caller: Caller, directories: readonly string[]): Promise<string[]> {
  const program = new GroupProgram()
  const lists = directories.map((directory) => listSteps(program, directory))
  const result = await program.run(caller)
  const children: string[] = []
  for (const [index, directory] of directories.entries()) {
    const chunks = (lists[index] ?? []).map((ref) => result.get(ref) as readonly DirectoryEntry[] | number)
    const entries = chunks.flatMap((chunk) => (typeof chunk === 'number' ? [] : chunk))
    const last = chunks.at(-1)
    // The kernel has more: a group with hundreds of groups in it.
    const all = Array.isArray(last) && last.length > 0 ? await caller.readdir(directory) : entries
    children.push(...all.filter(isGroup).map(({ name }) => `${directory}/${name}`))
  }
  return children
}

const isGroup = ({ name, type }: DirectoryEntry): boolean => type === 'DT_DIR' && name !== '.' && name !== '..'

function listSteps(program: GroupProgram, directory: string): Ref<readonly DirectoryEntry[]>[] {
  return program.about(directory, undefined, (p) => {
    const file = p.tolerate('ENOENT', 'ENODEV').openat('AT_FDCWD', directory, ['O_RDONLY', 'O_DIRECTORY', 'O_CLOEXEC'])
    const refs = [0, 1].map(() => p.tolerate('ENOENT', 'ENODEV').getdents64(file, BYTES))
    p.close(file)
    return refs
  })
}
