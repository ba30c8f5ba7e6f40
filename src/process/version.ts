import { readFileSync } from 'node:fs'
import { GENERATION } from '../protocol/wire.ts'
import { tablesName } from './connection/agent-file.ts'

/** What speaks at both ends of a connection: an agent of another protocol or with other tables is refused before it is used. */
export interface Version {
  /** Generation of the wire format */
  readonly protocol: number
  /** Hash of its tables, as `carrel-agent -V` prints it: `0x187f60fe6034c4f3` */
  readonly tables: string
  /** Version of this package */
  readonly package: string
}

let known: Version | undefined

/** What this package speaks, and so every agent that it talks with. */
export function ownVersion(): Version {
  known ??= { protocol: GENERATION, tables: tablesName(), package: packageVersion() }
  return known
}

// This file is src/process/version.ts in a checkout and dist/process/version.js in the package.
function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
