import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/** A kernel module: its name as the kernel has it, with underscores, and its file. */
export interface KernelModule {
  readonly name: string
  readonly path: string
}

/**
 * The modules named and all that they depend on, each after what it depends on, so that they can be loaded in this order.
 * Names that are no module are taken as built in only when `builtin` (modules.builtin of the kernel) says so.
 */
export function modulesInOrder(folder: string, names: readonly string[]): readonly KernelModule[] {
  const paths = modulePaths(folder)
  const builtin = new Set(readFileSync(join(folder, 'modules.builtin'), 'utf8').split('\n').map(nameOf))
  const ordered = new Map<string, KernelModule>()
  const add = (name: string, neededBy: string): void => {
    if (ordered.has(name) || builtin.has(name)) return
    const path = paths.get(name)
    if (path === undefined) throw new Error(`The kernel of ${folder} has no module ${name}, which ${neededBy} needs`)
    for (const dependency of dependenciesOf(readFileSync(path))) add(dependency, name)
    ordered.set(name, { name, path })
  }
  for (const name of names) add(name, 'the test machine')
  return [...ordered.values()]
}

const nameOf = (path: string): string => basename(path).replace(/\.ko$/, '').replaceAll('-', '_')

function modulePaths(folder: string): ReadonlyMap<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ko'))
  return new Map(files.map((path) => [nameOf(path), join(folder, path)]))
}

/** What a module says of itself: the NUL-separated `key=value` texts of its section `.modinfo`. */
export function moduleInfo(elf: Uint8Array): ReadonlyMap<string, string> {
  const section = sectionOf(Buffer.from(elf.buffer, elf.byteOffset, elf.length), '.modinfo')
  const texts = section.toString('latin1').split('\0')
  return new Map(texts.map((text) => [text.split('=', 1)[0] ?? '', text.slice(text.indexOf('=') + 1)]))
}

function dependenciesOf(elf: Uint8Array): readonly string[] {
  const info = moduleInfo(elf)
  const depends = info.get('depends')
  if (depends === undefined) throw new Error('A kernel module without "depends" in its .modinfo')
  return depends.split(',').filter((name) => name !== '')
}

// elf(5), Elf64_Ehdr and Elf64_Shdr: only little-endian 64-bit files, which is what the x86-64 kernel has.
function sectionOf(elf: Buffer, wanted: string): Buffer {
  if (elf.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') throw new Error('A kernel module is no 64-bit ELF file')
  const table = Number(elf.readBigUInt64LE(0x28))
  const entrySize = elf.readUInt16LE(0x3a)
  const headers = Array.from({ length: elf.readUInt16LE(0x3c) }, (_, index) => {
    const at = table + index * entrySize
    const offset = Number(elf.readBigUInt64LE(at + 0x18))
    return { name: elf.readUInt32LE(at), offset, size: Number(elf.readBigUInt64LE(at + 0x20)) }
  })
  const names = headers[elf.readUInt16LE(0x3e)]
  if (names === undefined) throw new Error('A kernel module without section names')
  const found = headers.find(({ name }) => {
    const at = names.offset + name
    return elf.toString('latin1', at, elf.indexOf(0, at)) === wanted
  })
  if (found === undefined) throw new Error(`A kernel module without section ${wanted}`)
  return elf.subarray(found.offset, found.offset + found.size)
}
