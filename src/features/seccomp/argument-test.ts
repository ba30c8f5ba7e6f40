import { BPF_OP } from '../../linux/bpf-instructions.ts'
import type { BpfMaker, NodeId } from './bpf-graph.ts'
import type { SeccompArgument } from './profile.ts'
import { argumentHigh, argumentLow } from './seccomp-data.ts'

/** Adds a test of one 64-bit argument that goes on with `yes` or `no`, and returns its first node. */
export function argumentTest(graph: BpfMaker, test: SeccompArgument, yes: NodeId, no: NodeId): NodeId {
  switch (test.op) {
    case 'SCMP_CMP_EQ':
      return equal(graph, test, yes, no)
    case 'SCMP_CMP_NE':
      return equal(graph, test, no, yes)
    case 'SCMP_CMP_GT':
      return greater(graph, test, BPF_OP.JGT_K, yes, no)
    case 'SCMP_CMP_GE':
      return greater(graph, test, BPF_OP.JGE_K, yes, no)
    case 'SCMP_CMP_LE':
      return greater(graph, test, BPF_OP.JGT_K, no, yes)
    case 'SCMP_CMP_LT':
      return greater(graph, test, BPF_OP.JGE_K, no, yes)
    case 'SCMP_CMP_MASKED_EQ':
      return maskedEqual(graph, test, yes, no)
  }
}

function equal(graph: BpfMaker, { index, value }: SeccompArgument, yes: NodeId, no: NodeId): NodeId {
  const low = graph.load(argumentLow(index), graph.branch(BPF_OP.JEQ_K, lowHalf(value), yes, no))
  return graph.load(argumentHigh(index), graph.branch(BPF_OP.JEQ_K, highHalf(value), low, no))
}

/** The high half decides, unless it is equal: then the low half does, by `test`. */
function greater(
  graph: BpfMaker,
  { index, value }: SeccompArgument,
  test: typeof BPF_OP.JGT_K | typeof BPF_OP.JGE_K,
  yes: NodeId,
  no: NodeId,
): NodeId {
  const low = graph.load(argumentLow(index), graph.branch(test, lowHalf(value), yes, no))
  const notAbove = graph.branch(BPF_OP.JEQ_K, highHalf(value), low, no)
  return graph.load(argumentHigh(index), graph.branch(BPF_OP.JGT_K, highHalf(value), yes, notAbove))
}

function maskedEqual(graph: BpfMaker, test: SeccompArgument, yes: NodeId, no: NodeId): NodeId {
  const { index, value: mask, valueTwo: wanted = 0 } = test
  const low = maskedHalf(graph, argumentLow(index), lowHalf(mask), lowHalf(wanted), yes, no)
  return maskedHalf(graph, argumentHigh(index), highHalf(mask), highHalf(wanted), low, no)
}

function maskedHalf(graph: BpfMaker, offset: number, mask: number, wanted: number, yes: NodeId, no: NodeId): NodeId {
  if (mask === 0) return wanted === 0 ? yes : no
  if (wanted === 0) return graph.load(offset, graph.branch(BPF_OP.JSET_K, mask, no, yes))
  const compare = graph.branch(BPF_OP.JEQ_K, wanted, yes, no)
  return graph.load(offset, mask === 0xffff_ffff ? compare : graph.and(mask, compare))
}

function lowHalf(value: number | bigint): number {
  return Number(BigInt(value) & 0xffff_ffffn)
}

function highHalf(value: number | bigint): number {
  return Number((BigInt(value) >> 32n) & 0xffff_ffffn)
}
