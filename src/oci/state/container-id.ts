import { InvalidInputError } from '../../base/errors.ts'

/** Names of directories end there (NAME_MAX), whatever other runtimes allow. */
const LONGEST = 255

const ID = /^[A-Za-z0-9_+-][A-Za-z0-9_+.-]*$/

/**
 * An id as it may be a directory's name below the root: no path leads out of it (crun 1.28 has the same rule).
 * @throws InvalidInputError
 */
export function checkContainerId(id: string): string {
  if (!ID.test(id)) {
    const shown = JSON.stringify(id.slice(0, 64))
    throw new InvalidInputError(
      `The id of a container must be letters, digits and _ + - . and not begin with a dot, not ${shown}`,
      { field: 'id' },
    )
  }
  if (id.length > LONGEST) {
    throw new InvalidInputError(`The id of a container must have at most ${LONGEST} characters, not ${id.length}`, {
      field: 'id',
    })
  }
  return id
}
