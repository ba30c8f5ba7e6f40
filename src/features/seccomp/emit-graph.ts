import { BPF_MAX_BRANCH, BPF_OP, type BpfInstruction } from '../../linux/bpf-instructions.ts'
import { type BpfGraph, type BpfNode, type NodeId, nodesFromEnd } from './bpf-graph.ts'

/** Lays a graph out as a program. Jumps of BPF only go forward, so code is written from its end and every target is known. */
export function emitGraph(graph: BpfGraph, root: NodeId): BpfInstruction[] {
  const layout = createLayout(graph)
  for (const id of nodesFromEnd(graph, root)) layout.place(id)
  return layout.program()
}

interface Layout {
  place(id: NodeId): void
  program(): BpfInstruction[]
}

function createLayout(graph: BpfGraph): Layout {
  const reversed: BpfInstruction[] = []
  /** Where each node is, counted from the end */
  const homes = new Map<NodeId, number>()
  /** Where the nearest way to each node is: itself, or a trampoline to it */
  const places = new Map<NodeId, number>()

  const distance = (id: NodeId, of = places): number => {
    const place = of.get(id)
    if (place === undefined) throw new Error(`BPF node ${id} is used before it is placed`)
    return reversed.length - 1 - place
  }
  const put = (id: NodeId, instruction: BpfInstruction): void => {
    places.set(id, reversed.push(instruction) - 1)
  }
  /** A conditional jump reaches 255 instructions: farther targets get a JA (32-bit offset), or a return of their own. */
  const bringNear = (id: NodeId, reach: number): void => {
    if (distance(id) <= reach) return
    const node = nodeOf(graph, id)
    if (node.kind === 'return') put(id, plain(BPF_OP.RET_K, node.k))
    else put(id, plain(BPF_OP.JA, distance(id, homes)))
  }

  return {
    place(id) {
      const node = nodeOf(graph, id)
      if (node.kind === 'branch') {
        // The second trampoline moves the first target one instruction away.
        bringNear(node.yes, BPF_MAX_BRANCH - 1)
        bringNear(node.no, BPF_MAX_BRANCH)
        put(id, { code: node.test, jt: distance(node.yes), jf: distance(node.no), k: node.k })
      } else if (node.kind === 'return') {
        put(id, plain(BPF_OP.RET_K, node.k))
      } else {
        bringNear(node.next, 0)
        put(id, plain(node.kind === 'load' ? BPF_OP.LD_W_ABS : BPF_OP.AND_K, node.k))
      }
      homes.set(id, reversed.length - 1)
    },
    program: () => reversed.slice().reverse(),
  }
}

function plain(code: number, k: number): BpfInstruction {
  return { code, jt: 0, jf: 0, k }
}

function nodeOf(graph: BpfGraph, id: NodeId): BpfNode {
  const node = graph.nodes[id]
  if (node === undefined) throw new Error(`BPF node ${id} does not exist`)
  return node
}
