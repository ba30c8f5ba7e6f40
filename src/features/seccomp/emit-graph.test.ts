import assert from 'node:assert/strict'
import { test } from 'node:test'
import { argumentTest } from './argument-test.ts'
import { BPF_OP } from '../../linux/bpf-instructions.ts'
import { type BpfGraph, createBpfGraph, type NodeId } from './bpf-graph.ts'
import { emitGraph } from './emit-graph.ts'
import { checkProgram, simulate } from './simulate.ts'

/** Follows a graph without a layout. */
function follow(graph: BpfGraph, root: NodeId, words: DataView): number {
  let accumulator = 0
  for (let id = root; ;) {
    const node = graph.nodes[id]
    assert.ok(node !== undefined)
    if (node.kind === 'return') return node.k
    if (node.kind === 'branch') {
      const { test: op, k } = node
      const passes = {
        0x15: accumulator === k,
        0x25: accumulator > k,
        0x35: accumulator >= k,
        0x45: (accumulator & k) !== 0,
      }
      id = passes[op] ? node.yes : node.no
    } else {
      accumulator = node.kind === 'load' ? words.getUint32(node.k, true) : (accumulator & node.k) >>> 0
      id = node.next
    }
  }
}

/** A line of `length` instructions that returns `k` at its end. */
function line(graph: BpfGraph, length: number, k: number): NodeId {
  let id = graph.returns(k)
  for (let i = 1; i < length; i++) id = graph.and(i * 1000 + k, id)
  return id
}

/** Small repeatable generator (mulberry32), so that a failure can be seen again. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

test('emitGraph() reaches both targets of a branch at every distance around 255', () => {
  for (let first = 248; first <= 260; first++) {
    for (let second = 248; second <= 260; second++) {
      const graph = createBpfGraph()
      const yes = line(graph, first, 1)
      const no = line(graph, second, 2)
      const filler = line(graph, 250, 3)
      const outer = graph.branch(BPF_OP.JEQ_K, 7, yes, graph.branch(BPF_OP.JEQ_K, 8, no, filler))
      const inner = graph.branch(BPF_OP.JGE_K, 9, graph.branch(BPF_OP.JGT_K, 9, yes, no), outer)
      const root = graph.load(0, inner)
      const program = emitGraph(graph, root)
      checkProgram(program)
      const got = [7, 8, 9, 10, 6].map((nr) => simulate(program, { nr, arch: 0 }).value)
      assert.deepEqual(got, [1, 2, 2, 1, 3], `${first} and ${second}`)
    }
  }
})

test('emitGraph() allows for the trampoline of one target when it measures the way to the other', () => {
  for (let between = 245; between <= 262; between++) {
    const graph = createBpfGraph()
    const [near, far] = [line(graph, 3, 1), line(graph, 3, 2)]
    let first = graph.branch(BPF_OP.JEQ_K, 5, far, near)
    for (let i = 0; i < between; i++) first = graph.and(0xff00 + i, first)
    const root = graph.load(0, graph.branch(BPF_OP.JEQ_K, 6, first, graph.branch(BPF_OP.JEQ_K, 7, near, far)))
    const program = emitGraph(graph, root)
    checkProgram(program)
    assert.deepEqual(
      [6, 7, 8].map((nr) => simulate(program, { nr, arch: 0 }).value),
      [1, 1, 2],
      `${between} instructions between`,
    )
  }
})

test('emitGraph() keeps the meaning of any graph', () => {
  let instructions = 0
  for (let seed = 1; seed <= 200; seed++) {
    const pick = random(seed)
    const graph = createBpfGraph()
    const ids = [graph.returns(0), graph.returns(1), graph.returns(2)]
    // Each node leads to the one before it and some to any: long programs with jumps of every length.
    const last = (): NodeId => ids.at(-1) ?? 0
    const any = (): NodeId => ids[pick(ids.length)] ?? 0
    const tests = [BPF_OP.JEQ_K, BPF_OP.JGT_K, BPF_OP.JGE_K, BPF_OP.JSET_K] as const
    const size = 20 + pick(1200)
    for (let i = 0; i < size; i++) {
      const kind = pick(6)
      if (kind === 0) ids.push(graph.load(4 * pick(16), pick(4) > 0 ? last() : any()))
      else if (kind === 1) ids.push(graph.and(pick(16), last()))
      else {
        const [yes, no] = pick(2) === 0 ? [last(), any()] : [any(), last()]
        ids.push(graph.branch(tests[pick(4)] ?? BPF_OP.JEQ_K, pick(8), yes, no))
      }
    }
    const root = graph.load(0, ids.at(-1) ?? 0)
    const program = emitGraph(graph, root)
    checkProgram(program)
    instructions += program.length
    for (let run = 0; run < 40; run++) {
      const args = Array.from({ length: 6 }, () => (BigInt(pick(12)) << 32n) | BigInt(pick(12)))
      const call = { nr: pick(12), arch: pick(12), args, instructionPointer: 0n }
      const words = new DataView(new ArrayBuffer(64))
      words.setUint32(0, call.nr, true)
      words.setUint32(4, call.arch, true)
      args.forEach((arg, i) => words.setBigUint64(16 + 8 * i, arg, true))
      assert.equal(simulate(program, call).value, follow(graph, root, words), `seed ${seed}`)
    }
  }
  assert.ok(instructions > 20_000, `${instructions} instructions`)
})

test('createBpfGraph() makes an equal node once, and no branch whose two ways are one', () => {
  const graph = createBpfGraph()
  const end = graph.returns(1)
  assert.equal(graph.load(0, end), graph.load(0, end))
  assert.equal(graph.branch(BPF_OP.JEQ_K, 1, end, end), end)
  assert.equal(graph.nodes.length, 2)
})

test('argumentTest() fails closed on a value that its mask cannot give, though profiles with one are refused', () => {
  const graph = createBpfGraph()
  const [yes, no] = [graph.returns(1), graph.returns(0)]
  const root = argumentTest(graph, { index: 0, op: 'SCMP_CMP_MASKED_EQ', value: 1, valueTwo: 1n << 32n }, yes, no)
  assert.equal(root, no)
})
