import type { BPF_OP } from '../../linux/bpf-instructions.ts'

/** A conditional jump's test of the accumulator against a constant. */
export type BpfTest = typeof BPF_OP.JEQ_K | typeof BPF_OP.JGT_K | typeof BPF_OP.JGE_K | typeof BPF_OP.JSET_K

/** A node's index in its graph. */
export type NodeId = number

/** A piece of a filter, naming what follows instead of how far away it is. */
export type BpfNode =
  | { readonly kind: 'return'; readonly k: number }
  /** `LD_W_ABS` or `AND_K`: changes the accumulator, then goes on with `next` */
  | { readonly kind: 'load' | 'and'; readonly k: number; readonly next: NodeId }
  | { readonly kind: 'branch'; readonly test: BpfTest; readonly k: number; readonly yes: NodeId; readonly no: NodeId }

/** What filters are made with, from their ends: each call names what follows, which was made before. */
export interface BpfMaker {
  returns(k: number): NodeId
  load(offset: number, next: NodeId): NodeId
  and(mask: number, next: NodeId): NodeId
  branch(test: BpfTest, k: number, yes: NodeId, no: NodeId): NodeId
}

/** A filter under construction as an acyclic graph; an equal node is made once, so equal endings of different rules are shared. */
export interface BpfGraph extends BpfMaker {
  readonly nodes: readonly BpfNode[]
}

/** Makes an empty graph. */
export function createBpfGraph(): BpfGraph {
  const nodes: BpfNode[] = []
  const known = new Map<string, NodeId>()
  const add = (key: string, node: BpfNode): NodeId => {
    const existing = known.get(key)
    if (existing !== undefined) return existing
    known.set(key, nodes.length)
    return nodes.push(node) - 1
  }
  return {
    nodes,
    returns: (k) => add(`return ${k}`, { kind: 'return', k }),
    load: (k, next) => add(`load ${k} ${next}`, { kind: 'load', k, next }),
    and: (k, next) => add(`and ${k} ${next}`, { kind: 'and', k, next }),
    branch: (test, k, yes, no) =>
      yes === no ? yes : add(`branch ${test} ${k} ${yes} ${no}`, { kind: 'branch', test, k, yes, no }),
  }
}

/** The nodes that `root` leads to, each after all that it leads to itself: the order in which code is laid out from its end. */
export function nodesFromEnd(graph: BpfGraph, root: NodeId): NodeId[] {
  const order: NodeId[] = []
  const seen = new Set<NodeId>()
  // A stack of our own: a long list of rules for one call is a chain deeper than the interpreter's.
  const stack: { id: NodeId; expanded: boolean }[] = [{ id: root, expanded: false }]
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (top.expanded) {
      order.push(top.id)
      continue
    }
    if (seen.has(top.id)) continue
    seen.add(top.id)
    stack.push({ id: top.id, expanded: true })
    for (const id of successors(graph.nodes[top.id])) if (!seen.has(id)) stack.push({ id, expanded: false })
  }
  return order
}

/** What a node leads to; the first comes out nearest to the node. */
function successors(node: BpfNode | undefined): readonly NodeId[] {
  if (node === undefined || node.kind === 'return') return []
  return node.kind === 'branch' ? [node.no, node.yes] : [node.next]
}
