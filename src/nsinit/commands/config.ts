import { defaultContainer } from '../container-json/default-container.ts'
import { formatContainerJson } from '../container-json/format-container-json.ts'
import { parseContainerJson } from '../container-json/parse-container-json.ts'
import { print } from '../../oci/print.ts'
import type { Nsinit } from '../lifecycle/nsinit-context.ts'
import { readContainerJson } from '../lifecycle/read-container-json.ts'

export interface ConfigGiven {
  /** Prints an example to be edited instead of what the directory has */
  readonly isNew?: boolean
}

/** `config`: what the container.json of the directory means, checked, in the later form. */
export function run({ context: { kernel }, data }: Nsinit, { isNew = false }: ConfigGiven = {}): void {
  const config = isNew ? defaultContainer() : parseContainerJson(readContainerJson(kernel, data))
  print(kernel, formatContainerJson(config))
}
