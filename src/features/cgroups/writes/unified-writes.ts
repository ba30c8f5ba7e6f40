import type { Controller } from '../../../host/facts.ts'
import type { Resources } from '../resources.ts'
import { type FileValue, type Refused, USE_V2 } from './translation.ts'

/** Files of the v2 tree itself that change no placement. */
export const PLAIN_FILES: readonly string[] = ['cgroup.max.depth', 'cgroup.max.descendants', 'cgroup.pressure']

/** Files of `unified` that belong to one controller, as they are: one write per line, because the kernel takes one rule at a time. */
export function unifiedWrites({ unified = {} }: Resources, controller: Controller | 'cgroup'): FileValue[] {
  return namesOf(unified, controller).flatMap((file) =>
    (unified[file] ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((value) => ({ asks: [`unified.${file}`], file, value, because: 'was asked for word for word' })),
  )
}

/** A controller that is a v1 hierarchy has no files of v2. */
export function refuseUnified({ unified = {} }: Resources, controller: Controller): Refused[] {
  return namesOf(unified, controller).map((file) => ({
    asks: [`unified.${file}`],
    reason: `${controller} is a controller of cgroup v1 on this host, which has no ${file}`,
    remedy: USE_V2,
  }))
}

/** Controller that a file belongs to by its name: the part before the first dot. */
export const controllerIn = (file: string): string => file.slice(0, file.indexOf('.'))

const namesOf = (unified: Readonly<Record<string, string>>, controller: string): string[] =>
  Object.keys(unified).filter((file) => controllerIn(file) === controller)
