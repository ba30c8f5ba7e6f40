import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import { print } from '../print.ts'
import { shownState } from './shown-state.ts'

/** `state ID` */
export function run({ kernel, store }: Context, { id }: Given<'state'>): void {
  const record = store.load(id)
  print(kernel, `${JSON.stringify(shownState(kernel, record, store.status(record)), null, 2)}\n`)
}
