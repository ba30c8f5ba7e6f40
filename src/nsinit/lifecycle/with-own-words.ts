import { CarrelError } from '../../base/errors.ts'
import type { ContainerConfig } from '../container-json/container-config.ts'
import { inOwnWords } from '../convert/own-words.ts'

/**
 * What goes wrong meanwhile is told in the words of container.json: whoever wrote it never saw the configuration that it became.
 * `field` of the error stays as it is.
 */
export async function withOwnWords<T>(config: ContainerConfig | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof CarrelError) error.message = inOwnWords(error.message, config)
    throw error
  }
}
