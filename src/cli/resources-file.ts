import { InvalidInputError } from '../base/errors.ts'
import type { Resources } from '../features/cgroups/resources.ts'

/**
 * `linux.resources` from the file that `--resources` names; what is in it is checked with all other options.
 * @param read bytes of the file, or of stdin for `-`
 * @throws InvalidInputError for a file that is none, no JSON, or no object
 */
export function resourcesIn(path: string, read: (path: string) => Uint8Array): Resources {
  const where = path === '-' ? 'stdin' : path
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(read(path)))
  } catch (error) {
    const message = `resources cannot be read from ${where}: ${error instanceof Error ? error.message : String(error)}`
    throw new InvalidInputError(message, { field: 'resources', cause: error })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new InvalidInputError(
    `resources in ${where} must be a JSON object as linux.resources of the OCI runtime spec`,
    {
      field: 'resources',
    },
  )
}
