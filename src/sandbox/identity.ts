import { InvalidInputError, UnsupportedError } from '../base/errors.ts'
import { ownOwner } from '../cgroup/owner.ts'
import { openRecordDirectory } from '../container/record-directory.ts'
import type { GroupOwner } from '../features/cgroups/owner.ts'
import type { Identity } from '../plan/settings.ts'

/** Letters of an id: 40 bits, more than enough for sandboxes that live at the same time. */
const LETTERS = 8

let owner: GroupOwner | undefined

/** Gives a sandbox its names. @param draw a number from 0 to 1 @throws InvalidInputError for a name that cannot be one */
export function identify(name: string | undefined, draw: () => number): Identity {
  owner ??= ownOwner()
  return {
    id: Math.floor(draw() * 36 ** LETTERS)
      .toString(36)
      .padStart(LETTERS, '0'),
    ...(name === undefined ? {} : { name: parseName(name) }),
    owner,
    created: new Date().toISOString(),
    recordDirectory: recordDirectory(),
  }
}

function parseName(name: string): string {
  if (typeof name === 'string' && /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(name)) return name
  const message = `name is ${JSON.stringify(name)}: up to 64 letters, digits, dots, hyphens and underscores are wanted, a letter or digit first`
  throw new InvalidInputError(message, { field: 'name' })
}

/** A sandbox that cannot be listed is one all the same: what is removed after it does not depend on its record. */
function recordDirectory(): string | null {
  try {
    return openRecordDirectory()
  } catch (error) {
    if (error instanceof UnsupportedError) return null
    throw error
  }
}
