import type { FieldKind } from '../field.ts'
import { Memory } from '../memory.ts'
import { byteArray, bytesPointer, chars, lengthOf, textPointer } from '../memory-fields.ts'
import { choice, count64, derived, fd32, flags, i32, u32, u64 } from '../scalar-fields.ts'
import { struct } from '../struct.ts'
import { BPF_ATTACH_FLAGS, BPF_ATTACH_TYPE, BPF_PROG_TYPE, BPF_QUERY_FLAGS } from '../tables/bpf.ts'

/** Bytes of one BPF instruction. */
const INSTRUCTION = 8

/** An address that the kernel writes to: a number, or memory, which the parameters of bpf(2) put there. */
const target: FieldKind = {
  ...u64,
  input: `${u64.input} | Memory`,
  print: (value, arch) => (value instanceof Memory ? value.toString() : u64.print(value, arch)),
}

/** BPF_PROG_LOAD: `insns` are the instructions, `insn_cnt` is computed, and so is `log_size` when `log_buf` is memory. */
export const BPF_PROG_LOAD_ATTR = struct(
  'bpf_prog_load_attr',
  'linux/bpf.h',
  () => [
    ['prog_type', choice(4, BPF_PROG_TYPE)],
    ['insn_cnt', derived(u32, (input) => (lengthOf(input['insns']) ?? 0) / INSTRUCTION)],
    ['insns', bytesPointer],
    ['license', textPointer],
    ['log_level', u32],
    ['log_size', derived(u32, ({ log_buf: log }) => (log instanceof Memory ? log.bytes.length : undefined))],
    ['log_buf', target],
    ['kern_version', u32],
    ['prog_flags', u32],
    ['prog_name', chars(16)],
    ['prog_ifindex', u32],
    ['expected_attach_type', choice(4, BPF_ATTACH_TYPE)],
  ],
  { c: 'union bpf_attr', partial: true },
)

/** BPF_PROG_ATTACH and BPF_PROG_DETACH. */
export const BPF_PROG_ATTACH_ATTR = struct(
  'bpf_prog_attach_attr',
  'linux/bpf.h',
  () => [
    ['target_fd', fd32],
    ['attach_bpf_fd', fd32],
    ['attach_type', choice(4, BPF_ATTACH_TYPE)],
    ['attach_flags', flags(4, BPF_ATTACH_FLAGS)],
    ['replace_bpf_fd', fd32],
  ],
  { c: 'union bpf_attr', partial: true },
)

/** BPF_PROG_QUERY; `prog_ids` is the address of `prog_cnt` numbers, which `bpfProgQuery` provides. */
export const BPF_PROG_QUERY_ATTR = struct(
  'bpf_prog_query_attr',
  'linux/bpf.h',
  () => [
    ['target_fd', fd32],
    ['attach_type', choice(4, BPF_ATTACH_TYPE)],
    ['query_flags', flags(4, BPF_QUERY_FLAGS)],
    ['attach_flags', flags(4, BPF_ATTACH_FLAGS)],
    ['prog_ids', target],
    ['prog_cnt', u32],
  ],
  { c: 'union bpf_attr', partial: true, union: true },
)

/** BPF_PROG_GET_FD_BY_ID. */
export const BPF_PROG_ID_ATTR = struct(
  'bpf_prog_id_attr',
  'linux/bpf.h',
  () => [
    ['prog_id', u32],
    ['next_id', u32],
    ['open_flags', u32],
  ],
  { c: 'union bpf_attr', partial: true },
)

/** BPF_OBJ_GET_INFO_BY_FD, which `bpfProgInfo` provides with memory. */
export const BPF_INFO_ATTR = struct(
  'bpf_info_attr',
  'linux/bpf.h',
  () => [
    ['bpf_fd', fd32],
    ['info_len', u32],
    ['info', u64],
  ],
  { c: 'union bpf_attr', partial: true, union: true },
)

/** What the kernel tells of a loaded program; addresses and counts that are of no use without them are left out. */
export const BPF_PROG_INFO = struct(
  'bpf_prog_info',
  'linux/bpf.h',
  () => [
    ['type', choice(4, BPF_PROG_TYPE)],
    ['id', u32],
    ['tag', byteArray(8)],
    ['jited_prog_len', u32],
    ['xlated_prog_len', u32],
    ['jited_prog_insns', u64],
    ['xlated_prog_insns', u64],
    ['load_time', count64],
    ['created_by_uid', u32],
    ['nr_map_ids', u32],
    ['map_ids', u64],
    ['name', chars(16)],
  ],
  { partial: true },
)

/** BPF_OBJ_PIN and BPF_OBJ_GET. */
export const BPF_OBJ_ATTR = struct(
  'bpf_obj_attr',
  'linux/bpf.h',
  () => [
    ['pathname', textPointer],
    ['bpf_fd', fd32],
    ['file_flags', u32],
    ['path_fd', i32],
  ],
  { c: 'union bpf_attr', partial: true, union: true },
)
