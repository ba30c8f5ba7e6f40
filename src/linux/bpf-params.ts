import { InvalidInputError } from '../base/errors.ts'
import type { EncodedOut, Param } from './call.ts'
import type { Encoder, Word } from './encoder.ts'
import type { StructWriter } from './field.ts'
import { structOf } from './kernel-object-params.ts'
import { Memory } from './memory.ts'
import { placeWriter, type Struct } from './struct.ts'
import { describeValue } from './show-value.ts'
import {
  BPF_INFO_ATTR,
  BPF_OBJ_ATTR,
  BPF_PROG_ATTACH_ATTR,
  BPF_PROG_ID_ATTR,
  BPF_PROG_INFO,
  BPF_PROG_LOAD_ATTR,
  BPF_PROG_QUERY_ATTR,
} from './structs/bpf.ts'

const ATTRIBUTES = [BPF_PROG_LOAD_ATTR, BPF_PROG_ATTACH_ATTR, BPF_PROG_QUERY_ATTR, BPF_PROG_ID_ATTR, BPF_OBJ_ATTR]

/** Programs of one kind on one group: the kernel takes 64 (BPF_CGROUP_MAX_PROGS); effective ones are those of the groups above too. */
const MOST_IDS = 65_536

type Fields = Readonly<Record<string, unknown>>

/** A struct with pointers of its own, by field: what it has there is replaced. */
function writerOf(
  struct: Struct,
  value: unknown,
  to: Encoder,
  where: string,
  pointers: Readonly<Record<string, Word>>,
) {
  const bytes = new Uint8Array(struct.size(to.arch))
  const writer: StructWriter = { arch: to.arch, encoder: to, bytes, view: new DataView(bytes.buffer), patches: [] }
  struct.write(value, writer, 0, where)
  for (const [field, word] of Object.entries(pointers)) {
    writer.patches.push({ at: struct.offset(field, to.arch), word, width: 8 })
  }
  return writer
}

/** Pushes an attribute and its size. Memory in its fields becomes pointers, and gets what the kernel leaves there. */
function pushAttribute(struct: Struct, value: unknown, to: Encoder, where: string): EncodedOut | void {
  const plain: Record<string, unknown> = {}
  const pointers: Record<string, Word> = {}
  const outs: EncodedOut[] = []
  for (const [field, given] of typeof value === 'object' && value !== null ? Object.entries(value) : []) {
    const takes = struct.fields.some(([name, kind]) => name === field && kind.input.includes('Memory'))
    if (!(given instanceof Memory) || !takes) continue
    const out = given.point(to)
    outs.push(out)
    pointers[field] = { kind: 'data', value: out.at }
    plain[field] = 0
  }
  const input = outs.length > 0 ? { ...sizes(struct, value as Fields), ...(value as Fields), ...plain } : value
  const at = placeWriter(writerOf(struct, input, to, where, pointers))
  to.pushData(at)
  to.pushNumber(struct.size(to.arch))
  if (outs.length === 0) return
  return { at, decode: () => undefined, settle: (outcome) => outs.forEach((out) => out.settle?.(outcome)) }
}

/** Fields that are computed from memory, which is gone by the time that the struct is written. */
const sizes = (struct: Struct, value: Fields): Fields =>
  Object.fromEntries(struct.fields.map(([name, { derive }]) => [name, derive?.(value)]))

const printAttribute = (struct: Struct, value: unknown, arch: Parameters<Struct['print']>[1]): string =>
  `${struct.print(value, arch)}, ${struct.size(arch)}`

/** The attribute of one command and its size: two words. */
export const bpfStruct = (struct: Struct): Param => ({
  name: 'attr',
  type: struct.typeName,
  encode: (value, to, call) => pushAttribute(struct, value, to, `${call}.attr`),
  print: (value, arch) => printAttribute(struct, value, arch),
})

/** The attribute of bpf(2) and its size: two words; bytes for commands that have no struct here. */
export const bpfAttribute: Param = {
  name: 'attr',
  type: 'BpfProgLoadAttr | BpfProgAttachAttr | BpfProgQueryAttr | BpfProgIdAttr | BpfObjAttr | Uint8Array',
  encode(value, to, call) {
    if (value instanceof Uint8Array) {
      to.pushData(to.place(value))
      return to.pushNumber(value.length)
    }
    const where = `${call}.attr`
    return pushAttribute(structOf(value, ATTRIBUTES, where), value, to, where)
  },
  print(value, arch) {
    if (value instanceof Uint8Array) return `{…}, ${value.length}`
    return printAttribute(structOf(value, ATTRIBUTES, 'attr'), value, arch)
  },
}

/** Pushes an attribute that the kernel writes to, and its size; returns where it is in the data. */
function pushShared(
  struct: Struct,
  value: unknown,
  to: Encoder,
  where: string,
  pointers: Readonly<Record<string, Word>>,
) {
  const at = placeWriter(writerOf(struct, value, to, where, pointers), 'share')
  to.pushData(at)
  to.pushNumber(struct.size(to.arch))
  return at
}

function roomOf(value: unknown, where: string): number {
  const room = typeof value === 'object' && value !== null ? (value as Fields)['prog_cnt'] : undefined
  if (typeof room === 'number' && Number.isInteger(room) && room >= 0 && room <= MOST_IDS) return room
  const field = `${where}.prog_cnt`
  throw new InvalidInputError(`${field} must be a number from 0 to ${MOST_IDS}, not ${describeValue(room)}`, { field })
}

/** The attribute of BPF_PROG_QUERY with room for ids, and its size: two words; gives how programs are attached, and their ids. */
export const outProgIds: Param = {
  name: 'attr',
  type: BPF_PROG_QUERY_ATTR.typeName,
  encode(value, to, call): EncodedOut {
    const where = `${call}.attr`
    const { arch } = to
    const room = roomOf(value, where)
    const ids = to.reserve(4 * room)
    const at = pushShared(BPF_PROG_QUERY_ATTR, value, to, where, { prog_ids: { kind: 'reply', value: ids } })
    return {
      at,
      decode({ data, reply }) {
        const attr = BPF_PROG_QUERY_ATTR.decode(data, at, arch)
        const view = new DataView(reply.buffer, reply.byteOffset, reply.byteLength)
        const count = Math.min(room, Number(attr['prog_cnt']))
        return {
          attach_flags: attr['attach_flags'],
          prog_ids: Array.from({ length: count }, (_, i) => view.getUint32(ids + 4 * i, true)),
        }
      },
    }
  },
  print: (value, arch) => printAttribute(BPF_PROG_QUERY_ATTR, value, arch),
}

/** The attribute of BPF_OBJ_GET_INFO_BY_FD for a program, from its descriptor, and its size: two words. */
export const outProgInfo: Param = {
  name: 'bpf_fd',
  type: 'number',
  ref: 'Fd',
  encode(value, to, call): EncodedOut {
    const { arch } = to
    const size = BPF_PROG_INFO.size(arch)
    const info = to.reserve(size)
    const attr = { bpf_fd: value, info_len: size }
    // The kernel writes the length that it knows into the attribute.
    const at = pushShared(BPF_INFO_ATTR, attr, to, call, { info: { kind: 'reply', value: info } })
    return { at, decode: ({ reply }) => BPF_PROG_INFO.decode(reply.subarray(0, info + size), info, arch) }
  },
  print: (value, arch) => printAttribute(BPF_INFO_ATTR, { bpf_fd: value, info_len: BPF_PROG_INFO.size(arch) }, arch),
}
