import { InvalidInputError } from '../../base/errors.ts'
import { renderBash } from './completions/bash.ts'
import { type Shell, SHELLS } from './completions/completed-value.ts'
import { renderFish } from './completions/fish.ts'
import { renderZsh } from './completions/zsh.ts'

const RENDERERS: Readonly<Record<Shell, () => string>> = { bash: renderBash, zsh: renderZsh, fish: renderFish }

/**
 * The script that completes the command line of carrel-oci in a shell: made from the definitions, so that it needs none of them.
 * @throws InvalidInputError for another shell
 */
export function renderCompletion(shell: string): string {
  if (Object.hasOwn(RENDERERS, shell)) return RENDERERS[shell as Shell]()
  throw new InvalidInputError(`SHELL must be one of ${SHELLS.join(', ')}, not ${JSON.stringify(shell)}`, {
    field: 'shell',
  })
}
