import { bytesPointer, chars, lengthOf, textPointer } from '../memory-fields.ts'
import { choice, derived, fd32, flags, i32, u32, u64 } from '../scalar-fields.ts'
import { struct } from '../struct.ts'
import { BPF_ATTACH_FLAGS, BPF_ATTACH_TYPE, BPF_PROG_TYPE, BPF_QUERY_FLAGS } from '../tables/bpf.ts'

/** Bytes of one BPF instruction. */
const INSTRUCTION = 8

/** BPF_PROG_LOAD: `insns` are the instructions, `insn_cnt` is computed. */
export const BPF_PROG_LOAD_ATTR = struct(
  'bpf_prog_load_attr',
  'linux/bpf.h',
  [
    ['prog_type', choice(4, BPF_PROG_TYPE)],
    ['insn_cnt', derived(u32, (input) => (lengthOf(input['insns']) ?? 0) / INSTRUCTION)],
    ['insns', bytesPointer],
    ['license', textPointer],
    ['log_level', u32],
    ['log_size', u32],
    ['log_buf', u64],
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
  [
    ['target_fd', fd32],
    ['attach_bpf_fd', fd32],
    ['attach_type', choice(4, BPF_ATTACH_TYPE)],
    ['attach_flags', flags(4, BPF_ATTACH_FLAGS)],
    ['replace_bpf_fd', fd32],
  ],
  { c: 'union bpf_attr', partial: true },
)

/** BPF_PROG_QUERY; `prog_ids` is the address of `prog_cnt` numbers. */
export const BPF_PROG_QUERY_ATTR = struct(
  'bpf_prog_query_attr',
  'linux/bpf.h',
  [
    ['target_fd', fd32],
    ['attach_type', choice(4, BPF_ATTACH_TYPE)],
    ['query_flags', flags(4, BPF_QUERY_FLAGS)],
    ['attach_flags', flags(4, BPF_ATTACH_FLAGS)],
    ['prog_ids', u64],
    ['prog_cnt', u32],
  ],
  { c: 'union bpf_attr', partial: true, union: true },
)

/** BPF_OBJ_PIN and BPF_OBJ_GET. */
export const BPF_OBJ_ATTR = struct(
  'bpf_obj_attr',
  'linux/bpf.h',
  [
    ['pathname', textPointer],
    ['bpf_fd', fd32],
    ['file_flags', u32],
    ['path_fd', i32],
  ],
  { c: 'union bpf_attr', partial: true, union: true },
)
