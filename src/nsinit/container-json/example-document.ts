import { InvalidInputError } from '../../base/errors.ts'
import { parseContainerJson } from './parse-container-json.ts'
import type { ContainerConfig } from './container-config.ts'
import { writeJson } from './write-json.ts'

type Fields = Readonly<Record<string, unknown>>

/** Namespaces without which hardly any field may be said. */
const NAMESPACES = ['NEWNS', 'NEWUTS', 'NEWIPC', 'NEWPID', 'NEWNET'].map((type) => ({ type }))

/** What a small container.json with these fields means; for tests. */
export const parsed = (fields: Fields = {}): ContainerConfig =>
  parseContainerJson(writeJson({ namespaces: NAMESPACES, ...fields }))

/** The message with which it is refused, which begins with the pointer of the field. */
export function refusal(fields: Fields): string {
  try {
    parsed(fields)
  } catch (error) {
    if (error instanceof InvalidInputError && error.message.startsWith(error.field)) return error.message
    throw error
  }
  return 'accepted'
}
