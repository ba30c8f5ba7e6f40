import type { ControllerFacts } from './facts.ts'

/**
 * Facts of a controller whose `files` are read when somebody asks for them: that costs a directory for each v1 hierarchy, and most
 * starts need none of them.
 */
export function withFiles(
  facts: Omit<ControllerFacts, 'files'>,
  read: () => readonly string[] | undefined,
): ControllerFacts {
  let known: { readonly files: readonly string[] | undefined } | undefined
  return Object.defineProperty({ ...facts }, 'files', {
    enumerable: true,
    get: () => (known ??= { files: read() }).files,
  })
}
