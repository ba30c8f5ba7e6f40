import type { Struct } from '../struct.ts'
import * as files from './files.ts'
import * as processes from './process.ts'

/** Every struct of the tables, by its kernel name. */
export const STRUCTS: Readonly<Record<string, Struct>> = Object.fromEntries(
  [files, processes].flatMap((group) => Object.values(group)).map((struct) => [struct.name, struct]),
)
