import type { Struct } from '../struct.ts'
import * as bpf from './bpf.ts'
import * as events from './events.ts'
import * as files from './files.ts'
import * as mounts from './mounts.ts'
import * as processes from './process.ts'
import * as sockets from './sockets.ts'

/** Every struct of the tables, by its kernel name; parts of a union have names of their own. */
export const STRUCTS: Readonly<Record<string, Struct>> = Object.fromEntries(
  [files, processes, mounts, sockets, events, bpf]
    .flatMap((group) => Object.values(group))
    .map((struct) => [struct.name, struct]),
)
