import { InvalidInputError } from '../../base/errors.ts'
import { parseConfig } from './parse-config.ts'

/** A change of one place of a document: a JSON pointer (its objects and lists are made as needed), and the value; undefined takes it away. */
export type Change = readonly [pointer: string, value: unknown]

/** A small configuration that is right, with changes; for tests. */
export function exampleConfig(...changes: readonly Change[]): Record<string, unknown> {
  const config: Record<string, unknown> = {
    ociVersion: '1.3.0',
    process: { user: { uid: 0, gid: 0 }, args: ['sh'], cwd: '/' },
    root: { path: 'rootfs' },
    linux: { namespaces: ['pid', 'network', 'mount', 'ipc', 'uts'].map((type) => ({ type })) },
  }
  for (const [pointer, value] of changes) put(config, pointer.split('/').slice(1), value)
  return config
}

/** The message with which a changed document is refused. */
export function refusal(...changes: readonly Change[]): string {
  try {
    parseConfig(exampleText(...changes))
  } catch (error) {
    if (error instanceof InvalidInputError && error.message.startsWith(error.field)) return error.message
    throw error
  }
  return 'accepted'
}

/** The same as text; bigints are written with all their digits. */
export function exampleText(...changes: readonly Change[]): string {
  const mark = '\u0001'
  const text = JSON.stringify(exampleConfig(...changes), (_, value: unknown) =>
    typeof value === 'bigint' ? `${mark}${value}${mark}` : value,
  )
  return text.replace(/"\\u0001(-?\d+)\\u0001"/g, '$1')
}

function put(target: Record<string, unknown>, [key, ...rest]: readonly string[], value: unknown): void {
  const name = key!.replaceAll('~1', '/').replaceAll('~0', '~')
  if (rest.length > 0) {
    target[name] ??= /^\d+$/.test(rest[0]!) ? [] : {}
    put(target[name] as Record<string, unknown>, rest, value)
  } else if (value === undefined) delete target[name]
  else target[name] = value
}
