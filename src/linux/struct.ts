import { InvalidInputError } from '../base/errors.ts'
import { type Arch, valueOn } from './arch.ts'
import type { Encoder } from './encoder.ts'
import type { FieldKind, StructWriter } from './field.ts'
import { didYouMean } from './nearest.ts'
import { Ref } from './ref.ts'

/** One field of a struct: kernel name and kind. */
export type Field = readonly [name: string, kind: FieldKind]

interface Placed {
  readonly name: string
  readonly kind: FieldKind
  readonly at: number
}

/** Offsets and size of a struct on one architecture. */
export interface Layout {
  readonly fields: readonly Placed[]
  readonly size: number
  readonly align: number
}

interface StructOptions {
  /** Architectures on which the kernel packs it (epoll_event) */
  readonly packed?: readonly Arch[]
  /** TypeScript name, when it is not the kernel's in PascalCase */
  readonly typeName?: string
  /** Kernel type as C writes it, when it is not `struct NAME`; empty for what no header has */
  readonly c?: string
  /** Fields are members of a union in the header, whose names differ: offsets are not asserted */
  readonly union?: true
  /** The header's type is larger (a union, or grown since): its size is not asserted */
  readonly partial?: true
  /** Fields left out are shown as 0, because strace does so for this one */
  readonly showsZeros?: true
  /** A macro that only headers with the whole struct define */
  readonly since?: string
}

/** A C struct of the kernel's ABI: encodes TypeScript objects, decodes bytes, prints like strace. */
export class Struct {
  readonly name: string
  readonly header: string
  readonly union: boolean
  readonly partial: boolean
  readonly since: string | undefined
  readonly #showsZeros: boolean
  readonly #packed: readonly Arch[]
  readonly #layouts = new Map<Arch, Layout>()
  readonly #typeName: string | undefined
  readonly #c: string | undefined
  readonly #make: () => readonly Field[]
  #fields: readonly Field[] | undefined
  #names: ReadonlySet<string> | undefined

  constructor(name: string, header: string, fields: () => readonly Field[], options: StructOptions) {
    this.name = name
    this.header = header
    this.#make = fields
    this.#typeName = options.typeName
    this.#c = options.c
    this.union = options.union === true
    this.partial = options.partial === true
    this.since = options.since
    this.#showsZeros = options.showsZeros === true
    this.#packed = options.packed ?? []
  }

  /** Name of its TypeScript types */
  get typeName(): string {
    return this.#typeName ?? pascal(this.name)
  }

  /** As C writes it; empty for what no header has */
  get c(): string {
    return this.#c ?? `struct ${this.name}`
  }

  get fields(): readonly Field[] {
    return (this.#fields ??= this.#make())
  }

  #fieldNames(): ReadonlySet<string> {
    return (this.#names ??= new Set(this.fields.map(([field]) => field)))
  }

  /** Offsets by the rules of C: every field at a multiple of its alignment, the size a multiple of the largest. */
  layout(arch: Arch = 'x64'): Layout {
    let layout = this.#layouts.get(arch)
    if (!layout) {
      layout = layOut(this.fields, arch, this.#packed.includes(arch))
      this.#layouts.set(arch, layout)
    }
    return layout
  }

  size(arch: Arch = 'x64'): number {
    return this.layout(arch).size
  }

  /** Offset of a field. */
  offset(field: string, arch: Arch = 'x64'): number {
    const found = this.layout(arch).fields.find(({ name }) => name === field)
    if (found) return found.at
    throw new InvalidInputError(`${this.name} has no field ${field}${didYouMean(field, this.#fieldNames())}`, { field })
  }

  /**
   * Places the struct, and what it points at, into a program's data, where the kernel only reads it; returns its offset. Fields left out
   * are zero.
   * @throws InvalidInputError naming the field
   */
  encode(value: unknown, encoder: Encoder, where = this.name): number {
    const kept = encoder.kept(value, this)
    if (kept !== undefined) return kept
    const bytes = new Uint8Array(this.size(encoder.arch))
    const to: StructWriter = { arch: encoder.arch, bytes, view: new DataView(bytes.buffer), encoder, patches: [] }
    this.write(value, to, 0, where)
    const at = placeWriter(to)
    // What a step writes into it belongs to that step.
    if (to.patches.length === 0) encoder.keep(value, this, at)
    return at
  }

  /**
   * The bytes of a struct without pointers and references.
   * @throws InvalidInputError naming the field
   */
  pack(value: unknown, arch: Arch = 'x64', where = this.name): Uint8Array {
    const bytes = new Uint8Array(this.size(arch))
    this.write(value, { arch, bytes, view: new DataView(bytes.buffer), patches: [] }, 0, where)
    return bytes
  }

  /** Writes the fields at an offset of a larger block. */
  write(value: unknown, to: StructWriter, at: number, where: string): void {
    const input = this.#checked(value, where)
    for (const field of this.layout(to.arch).fields) {
      const given = field.kind.derive ? (input[field.name] ?? field.kind.derive(input)) : input[field.name]
      if (given !== undefined && given !== null) field.kind.write(given, to, at + field.at, `${where}.${field.name}`)
    }
  }

  #checked(value: unknown, where: string): Readonly<Record<string, unknown>> {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Ref) {
      throw new InvalidInputError(`${where} must be an object with fields of ${this.name}`, { field: where })
    }
    for (const name of Object.keys(value)) {
      if (this.#fieldNames().has(name)) continue
      const message = `${where} has no field ${JSON.stringify(name)}${didYouMean(name, this.#fieldNames())}`
      throw new InvalidInputError(message, { field: `${where}.${name}` })
    }
    return value as Readonly<Record<string, unknown>>
  }

  /** Reads a struct; fields beyond the end of the bytes (a kernel that knows fewer) are left out. */
  decode(bytes: Uint8Array, at = 0, arch: Arch = 'x64'): Record<string, unknown> {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const result: Record<string, unknown> = {}
    for (const { name, kind, at: offset } of this.layout(arch).fields) {
      if (kind.hidden || at + offset + valueOn(arch, kind.size) > bytes.length) continue
      result[name] = kind.read(view, at + offset, arch)
    }
    return result
  }

  /** The struct as strace prints it; fields that were left out are not shown. */
  print(value: unknown, arch: Arch = 'x64'): string {
    const input = value as Readonly<Record<string, unknown>>
    const shown: string[] = []
    for (const [name, kind] of this.fields) {
      const given = input[name] ?? kind.derive?.(input) ?? (this.#showsZeros ? 0 : undefined)
      if (given !== undefined && given !== null) shown.push(`${name}=${kind.print(given, arch)}`)
    }
    return `{${shown.join(', ')}}`
  }
}

/** Places a finished block and applies its patches; returns its offset. What is shared comes back with the reply. */
export function placeWriter(to: StructWriter, how: 'place' | 'share' = 'place'): number {
  const encoder = to.encoder
  if (!encoder) throw new InvalidInputError('A struct with pointers needs a program', { field: 'struct' })
  const at = encoder[how](to.bytes)
  for (const patch of to.patches) encoder.relocate(at + patch.at, patch.word, patch.width)
  return at
}

function layOut(fields: readonly Field[], arch: Arch, packed: boolean): Layout {
  const placed: Placed[] = []
  let end = 0
  let align = 1
  for (const [name, kind] of fields) {
    const step = packed ? 1 : kind.align
    const at = Math.ceil(end / step) * step
    placed.push({ name, kind, at })
    end = at + valueOn(arch, kind.size)
    align = Math.max(align, step)
  }
  return { fields: placed, size: Math.ceil(end / align) * align, align }
}

function pascal(name: string): string {
  return name
    .split('_')
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join('')
}

const NO_OPTIONS: StructOptions = {}

/** Declares a struct of a kernel header; its fields are looked at when it is first used. */
export const struct = /* @__NO_SIDE_EFFECTS__ */ (
  name: string,
  header: string,
  fields: () => readonly Field[],
  options: StructOptions = NO_OPTIONS,
): Struct => new Struct(name, header, fields, options)
