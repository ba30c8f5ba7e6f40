import type { StatisticsFile, StatisticsFormat } from '../features/cgroups/readings/statistics-files.ts'
import type { Ref } from '../linux/ref.ts'
import type { Caller } from '../process/caller.ts'
import { GroupProgram, type OpenDirectory } from './group-program.ts'

/** Errors by which a kernel says that it does not keep this number. */
const NOT_KEPT = ['ENOENT', 'ENODEV', 'EOPNOTSUPP', 'EINVAL', 'EIO'] as const

/** So many files below a directory are what opening it first is worth: each component of a path costs a tenth of reading a file. */
const WORTH_OPENING = 8

/** Most room for a file before it is known how long it is here; all room comes back with the answer. */
const FIRST_ROOM = 2048
/** One value has all its room at once; of others a quarter is enough mostly. */
const [ONE_VALUE, PART] = [64, 4]

/** Room that a file turned out to need on this machine. */
const learnt = new Map<StatisticsFormat, number>()

interface Wanted {
  readonly file: StatisticsFile
  readonly room: number
  readonly ref: Ref<Uint8Array>
}

/** What files said, by their paths, and whether all of them had room enough. */
export interface Told {
  readonly texts: ReadonlyMap<string, string>
  readonly isWhole: boolean
}

/** A program that reads files of statistics, encoded once and sent again and again. */
export class StatisticsProgram {
  readonly #program = new GroupProgram()
  readonly #wanted: readonly Wanted[]

  constructor(files: readonly StatisticsFile[]) {
    const directories = openDirectories(this.#program, files)
    this.#wanted = files.map((file) => {
      const room = Math.min(file.bytes, learnt.get(file.format) ?? Math.max(ONE_VALUE, firstRoom(file)))
      return { file, room, ref: this.#program.read(file.path, room, NOT_KEPT, directories.get(aboveGroup(file))) }
    })
    for (const { fd } of directories.values()) this.#program.p.close(fd)
  }

  /** Reads the files; those that are not there are left out. When some had more to say, a new program has more room for them. */
  async run(caller: Caller): Promise<Told> {
    const result = await this.#program.run(caller)
    const texts = new Map<string, string>()
    let isWhole = true
    for (const { file, room, ref } of this.#wanted) {
      const bytes: Uint8Array | number = result.get(ref)
      if (typeof bytes === 'number') continue
      if (bytes.length === room && room < file.bytes) {
        isWhole = false
        learnt.set(file.format, Math.max(PART * room, learnt.get(file.format) ?? 0))
      }
      // All of it is ASCII.
      texts.set(file.path, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'))
    }
    return { texts, isWhole }
  }
}

const firstRoom = ({ bytes }: StatisticsFile): number => Math.min(bytes / PART, FIRST_ROOM)

/** The directory above that of a file. */
const aboveGroup = ({ path }: StatisticsFile): string => path.slice(0, path.lastIndexOf('/', path.lastIndexOf('/') - 1))

/** Opens the directories in which there are many of the files' groups. */
function openDirectories(program: GroupProgram, files: readonly StatisticsFile[]): Map<string, OpenDirectory> {
  const counts = new Map<string, number>()
  for (const file of files) counts.set(aboveGroup(file), (counts.get(aboveGroup(file)) ?? 0) + 1)
  const worthwhile = [...counts].filter(([path, count]) => path !== '' && count >= WORTH_OPENING)
  return new Map(worthwhile.map(([path]) => [path, program.openDirectory(path, NOT_KEPT)]))
}
