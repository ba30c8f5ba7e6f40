import { InvalidInputError } from '../../base/errors.ts'
import type { Arch } from '../../linux/arch.ts'
import { actionValue } from './action-value.ts'
import { argumentTest } from './argument-test.ts'
import { BPF_MAXINSNS, BPF_OP, encodeBpf, type BpfInstruction } from '../../linux/bpf-instructions.ts'
import { type BpfGraph, createBpfGraph, type NodeId, nodesFromEnd } from './bpf-graph.ts'
import { emitGraph } from './emit-graph.ts'
import { KILL_PROCESS, SECCOMP_ARCHES, type SeccompProfile, type SeccompRule } from './profile.ts'
import { SECCOMP_DATA } from './seccomp-data.ts'
import { validateProfile } from './validate-profile.ts'

/** What a profile is compiled for. */
export interface CompileOptions {
  readonly arch: Arch
  /** The architecture's system calls, number by name */
  readonly numbers: Readonly<Record<string, number>>
  /** Names that rules may use although this architecture lacks them (`open` on arm64) */
  readonly otherNames?: Iterable<string>
  /** Skips rules' names that are in no table instead of refusing them, as the OCI runtime specification's engines expect */
  readonly skipUnknownNames?: boolean
}

/**
 * Compiles a profile to a seccomp filter: an array of `struct sock_filter` for `struct sock_fprog`, for `SECCOMP_SET_MODE_FILTER`.
 * @throws InvalidInputError naming the field, also if the filter is longer than the kernel loads.
 */
export function compileSeccomp(profile: SeccompProfile, options: CompileOptions): Uint8Array {
  return encodeBpf(assembleSeccomp(profile, options))
}

/**
 * Compiles a profile as `compileSeccomp` does, to instructions.
 * @throws InvalidInputError naming the field.
 */
export function assembleSeccomp(profile: SeccompProfile, options: CompileOptions): BpfInstruction[] {
  const { numbers, otherNames = [], skipUnknownNames = false } = options
  validateProfile(profile, skipUnknownNames ? null : new Set([...Object.keys(numbers), ...otherNames]))
  checkArchitecture(profile, options.arch)
  const graph = createBpfGraph()
  const root = filterNode(graph, profile, options)
  // Every node is at least one instruction, so a hopeless profile is refused before its layout is computed.
  checkLength(nodesFromEnd(graph, root).length)
  const program = emitGraph(graph, root)
  checkLength(program.length)
  return program
}

function checkArchitecture(profile: SeccompProfile, arch: Arch): void {
  if (profile.architectures.includes(SECCOMP_ARCHES[arch].name)) return
  const problem = `lacks ${SECCOMP_ARCHES[arch].name}, so every process on this machine would be killed: add it`
  throw new InvalidInputError(`seccomp.architectures ${problem}`, { field: 'seccomp.architectures' })
}

function checkLength(length: number): void {
  if (length <= BPF_MAXINSNS) return
  const problem = `compile to ${length} instructions, more than the ${BPF_MAXINSNS} that the kernel loads: use fewer argument tests`
  throw new InvalidInputError(`seccomp.rules ${problem}`, { field: 'seccomp.rules' })
}

/** The whole filter. The architecture comes first, because a number means nothing before it is known whose table it is of. */
function filterNode(graph: BpfGraph, profile: SeccompProfile, { arch, numbers }: CompileOptions): NodeId {
  const { audit, foreignBit } = SECCOMP_ARCHES[arch]
  const kill = graph.returns(actionValue(KILL_PROCESS))
  const unknown = graph.returns(actionValue(profile.unknownAction))
  const native = searchTree(graph, numberRanges(decisionsByNumber(graph, profile, numbers), unknown))
  // -1 is no number of x32 although it has the bit: a tracer skips a call by it, and C libraries probe with it.
  const foreign = graph.branch(BPF_OP.JEQ_K, 0xffff_ffff, unknown, kill)
  const tree = foreignBit === 0 ? native : graph.branch(BPF_OP.JSET_K, foreignBit, foreign, native)
  return graph.load(SECCOMP_DATA.arch, graph.branch(BPF_OP.JEQ_K, audit, graph.load(SECCOMP_DATA.nr, tree), kill))
}

/** Per known number the node that decides it, for all calls or by their arguments. */
function decisionsByNumber(
  graph: BpfGraph,
  profile: SeccompProfile,
  numbers: Readonly<Record<string, number>>,
): ReadonlyMap<number, NodeId> {
  const rules = rulesByName(profile.rules)
  const otherwise = graph.returns(actionValue(profile.defaultAction))
  const decide = (name: string): NodeId =>
    (rules.get(name) ?? []).reduceRight((next, rule) => ruleNode(graph, rule, next), otherwise)
  return new Map(Object.entries(numbers).map(([name, number]) => [number, decide(name)]))
}

function rulesByName(rules: readonly SeccompRule[]): ReadonlyMap<string, readonly SeccompRule[]> {
  const byName = new Map<string, SeccompRule[]>()
  for (const rule of rules) {
    for (const name of new Set(rule.names)) {
      const list = byName.get(name)
      if (list === undefined) byName.set(name, [rule])
      else list.push(rule)
    }
  }
  return byName
}

function ruleNode(graph: BpfGraph, rule: SeccompRule, next: NodeId): NodeId {
  const matched = graph.returns(actionValue(rule.action))
  return (rule.args ?? []).reduceRight((yes, test) => argumentTest(graph, test, yes, next), matched)
}

/** Numbers from `from` up to the next range are decided by `node`. */
interface NumberRange {
  readonly from: number
  readonly node: NodeId
}

/** All numbers from 0, gaps filled with `unknown`, neighbours with the same decision merged. */
function numberRanges(decisions: ReadonlyMap<number, NodeId>, unknown: NodeId): NumberRange[] {
  const ranges: NumberRange[] = []
  const extend = (from: number, node: NodeId): void => {
    if (ranges.at(-1)?.node !== node) ranges.push({ from, node })
  }
  let from = 0
  for (const [number, node] of [...decisions].sort(([a], [b]) => a - b)) {
    if (number > from) extend(from, unknown)
    extend(number, node)
    from = number + 1
  }
  extend(from, unknown)
  return ranges
}

function searchTree(graph: BpfGraph, ranges: readonly NumberRange[]): NodeId {
  const middle = Math.floor(ranges.length / 2)
  const pivot = ranges[middle]
  if (pivot === undefined) throw new Error('A search tree needs a range')
  if (middle === 0) return pivot.node
  const above = searchTree(graph, ranges.slice(middle))
  return graph.branch(BPF_OP.JGE_K, pivot.from, above, searchTree(graph, ranges.slice(0, middle)))
}
