import { freshNetworkSteps } from '../features/namespaces/namespaces.ts'
import { type Program, program } from '../program/builder.ts'

let made: Program | undefined

/** What a cradle does between two sandboxes: a network namespace of its own, with `lo` up, for whom it makes next. */
export function freshNetworkProgram(): Program {
  if (!made) {
    made = program()
    freshNetworkSteps(made)
  }
  return made
}
