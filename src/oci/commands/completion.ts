import type { Given } from '../command-line/definitions.ts'
import { renderCompletion } from '../command-line/render-completions.ts'
import type { Context } from '../context.ts'
import { print } from '../print.ts'

/** `completion SHELL` */
export const run = ({ kernel }: Pick<Context, 'kernel'>, { shell }: Pick<Given<'completion'>, 'shell'>): void =>
  print(kernel, renderCompletion(shell))
