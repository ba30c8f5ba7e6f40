import { InvalidInputError } from '../base/errors.ts'
import type { GroupPlace } from '../features/cgroups/group-place.ts'
import type { Caller } from '../process/caller.ts'
import { describeValue } from '../linux/show-value.ts'
import { GroupProgram } from './group-program.ts'
import { readFiles } from './read-files.ts'

/**
 * Writes a value to a file in each of the places, by one write(2) each, in one message. Places that do not have the file are left out
 * when there are several; the first that fails is the one that is told, whatever came after it.
 * @throws SyscallError with file, value and reason: ENOENT when no place has the file; InvalidInputError
 */
export async function setFile(
  caller: Caller,
  places: readonly GroupPlace[],
  file: string,
  value: string | number,
): Promise<void> {
  const text = String(value)
  const paths = pathsOf(places, file)
  const program = new GroupProgram()
  const writes = paths.map((path) => program.write(path, text, paths.length > 1 ? ['ENOENT'] : []))
  const result = await program.run(caller)
  if (writes.some((ref) => result.get(ref) >= 0)) return
  // Once more without tolerance, for the error that the kernel gives.
  const again = new GroupProgram()
  again.write(paths[0] ?? '', text)
  await again.run(caller)
}

/** The text of a file, of the first place that has it. @throws SyscallError ENOENT when none has; InvalidInputError */
export async function getFile(caller: Caller, places: readonly GroupPlace[], file: string): Promise<string> {
  const paths = pathsOf(places, file)
  const texts = await readFiles(caller, paths)
  const found = paths.map((path) => texts.get(path)).find((text) => typeof text === 'string')
  if (found !== undefined) return found
  const again = new GroupProgram()
  const read = again.read(paths[0] ?? '', 1, [])
  const result = await again.run(caller)
  // It has come into being between the two.
  return Buffer.from(result.get(read)).toString()
}

function pathsOf(places: readonly GroupPlace[], file: string): string[] {
  // oxlint-disable-next-line no-control-regex -- a name with a line end would be another one in every message
  if (typeof file !== 'string' || file === '.' || file === '..' || !/^[^/\u0000-\u001f\u007f]+$/.test(file)) {
    const why = `file must be the name of a file of the group, without "/", not ${describeValue(file)}: use a name like pids.max`
    throw new InvalidInputError(why, { field: 'file' })
  }
  return places.map(({ directory }) => `${directory}/${file}`)
}
