import { InvalidInputError } from '../../base/errors.ts'
import { execInDirectory } from '../lifecycle/exec-in-directory.ts'
import type { Nsinit } from '../lifecycle/nsinit-context.ts'

export interface ExecGiven {
  /** Words of the command */
  readonly command: readonly string[]
}

/** `exec COMMAND…`: starts the container of the directory, or joins it; ends with the status of the command. */
export async function run(nsinit: Nsinit, { command }: ExecGiven): Promise<never> {
  if (command.length > 0) return execInDirectory(nsinit, command)
  throw new InvalidInputError('A command is missing: give its words after exec', { field: 'command' })
}
