import { InvalidInputError } from '../../base/errors.ts'
import { didYouMean } from '../../linux/nearest.ts'
import type { Nsinit } from '../lifecycle/nsinit-context.ts'
import { FUNCTIONS, type FunctionName } from './functions.ts'

export interface FunctionGiven {
  readonly name: string
  readonly words: readonly string[]
}

/** `exec --func NAME WORDS…`: a built-in function in the live container. @throws InvalidInputError for one that there is not */
export async function run(nsinit: Nsinit, { name, words }: FunctionGiven): Promise<void> {
  const names = Object.keys(FUNCTIONS)
  if (!Object.hasOwn(FUNCTIONS, name)) {
    const rule = `--func ${JSON.stringify(name)} is none of ${names.join(', ')}`
    throw new InvalidInputError(`${rule}${didYouMean(name, names)}`, { field: '--func' })
  }
  await FUNCTIONS[name as FunctionName].run(nsinit, words)
}
