import type { Section } from './row.ts'
import type { Workspace } from './workspace.ts'

/** What every part of the benchmark is given. */
export interface Context {
  readonly workspace: Workspace
  /** Fewer rounds and smaller amounts: what is printed is a first look */
  readonly quick: boolean
}

/** A part of the benchmark that can be run alone. */
export interface Group {
  readonly name: string
  readonly title: string
  measure(context: Context): Promise<Section>
}
