import { InvalidInputError } from '../../base/errors.ts'

/** Where the resources stand in what the caller gave: `/linux/resources` in a configuration, nothing in the file of an update. */
export type PointerPrefix = '/linux/resources' | ''

/** The JSON pointer (RFC 6901) of a dotted path: `memory.limit` is `/linux/resources/memory/limit`. */
export function resourcePointer(path: string, prefix: PointerPrefix = '/linux/resources'): string {
  const [head = '', ...rest] = path.split('.')
  // Names of files and of devices have dots of their own.
  const words = NAMED.includes(head) ? [head, rest.join('.')] : [head, ...rest]
  const steps = words.flatMap((word) => word.replace(/\[(\d+)\]/g, '\0$1').split('\0'))
  return prefix + steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

const NAMED = ['unified', 'rdma']

/** Does it, with errors about resources that name the JSON pointer in the place of the dotted path. @throws what `act` throws */
export function atPointer<T>(prefix: PointerPrefix, act: () => T): T {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof InvalidInputError) || error.field.startsWith('/')) throw error
    const pointer = resourcePointer(error.field, prefix)
    const rule = error.message.startsWith(error.field) ? error.message.slice(error.field.length) : `: ${error.message}`
    throw new InvalidInputError(pointer + rule, { field: pointer, cause: error })
  }
}
