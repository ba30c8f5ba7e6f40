import type { BpfMaker, BpfTest, NodeId } from '../../features/seccomp/bpf-graph.ts'
import { BPF_MAX_BRANCH, BPF_OP } from '../../linux/bpf-instructions.ts'

const SIZE = 8

/**
 * A filter written straight as instructions, from its end, in one pass: jumps of BPF only go forward, so every target is there already.
 * A node is the place of its instruction, counted from the end. Unlike a graph it shares returns only, which is what makes it fast enough
 * to be made anew for each start of a container.
 */
export class FilterCode implements BpfMaker {
  /** Opcode, jt, jf as the first half of `struct sock_filter`, little-endian */
  readonly #heads: number[] = []
  readonly #operands: number[] = []
  /** Per node that was out of reach the nearest way to it */
  readonly #nearest = new Map<NodeId, NodeId>()
  readonly #returns = new Map<number, NodeId>()

  get length(): number {
    return this.#heads.length
  }

  returns(k: number): NodeId {
    const known = this.#returns.get(k)
    if (known !== undefined) return known
    const node = this.#put(BPF_OP.RET_K, k)
    this.#returns.set(k, node)
    return node
  }

  load(offset: number, next: NodeId): NodeId {
    this.#reach(next, 0)
    return this.#put(BPF_OP.LD_W_ABS, offset)
  }

  and(mask: number, next: NodeId): NodeId {
    this.#reach(next, 0)
    return this.#put(BPF_OP.AND_K, mask)
  }

  branch(test: BpfTest, k: number, yes: NodeId, no: NodeId): NodeId {
    if (yes === no) return yes
    // A second way moves the first target one instruction away.
    const then = this.#reach(yes, BPF_MAX_BRANCH - 1)
    const otherwise = this.#reach(no, BPF_MAX_BRANCH)
    const last = this.#heads.length - 1
    return this.#put(test | ((last - then) << 16) | ((last - otherwise) << 24), k)
  }

  /** A node within `distance` instructions of the next one that leads to `node`: itself, a copy of its return, a jump. */
  #reach(node: NodeId, distance: number): NodeId {
    const last = this.#heads.length - 1
    if (last - node <= distance) return node
    const near = this.#nearest.get(node)
    if (near !== undefined && last - near <= distance) return near
    const isReturn = this.#heads[node] === BPF_OP.RET_K
    const way = isReturn ? this.#put(BPF_OP.RET_K, this.#operands[node] as number) : this.#put(BPF_OP.JA, last - node)
    this.#nearest.set(node, way)
    return way
  }

  #put(head: number, operand: number): NodeId {
    this.#operands.push(operand)
    return this.#heads.push(head) - 1
  }

  /** The filter from its first instruction on: bytes of `struct sock_filter[]`. The node made last is where it begins. */
  encode(): Uint8Array {
    const count = this.#heads.length
    const bytes = new Uint8Array(count * SIZE)
    const view = new DataView(bytes.buffer)
    for (let i = 0, at = (count - 1) * SIZE; i < count; i++, at -= SIZE) {
      view.setInt32(at, this.#heads[i] as number, true)
      view.setUint32(at + 4, this.#operands[i] as number, true)
    }
    return bytes
  }
}
