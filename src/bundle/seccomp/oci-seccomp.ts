import { InvalidInputError } from '../../base/errors.ts'
import { argumentTest } from '../../features/seccomp/argument-test.ts'
import type { NodeId } from '../../features/seccomp/bpf-graph.ts'
import type { SeccompArgument } from '../../features/seccomp/profile.ts'
import { SECCOMP_DATA } from '../../features/seccomp/seccomp-data.ts'
import type { Arch } from '../../linux/arch.ts'
import { BPF_MAXINSNS, BPF_OP } from '../../linux/bpf-instructions.ts'
import { SYSCALLS } from '../../linux/syscalls.ts'
import { AUDIT_ARCH, SECCOMP_ACTIONS, type SeccompFlag } from '../../linux/tables/seccomp.ts'
import type { Seccomp } from '../spec.ts'
import { FilterCode } from './filter-code.ts'
import { multiplexedRules } from './multiplexed.ts'
import { ENOSYS, EPERM, type OciAction, ociAction } from './oci-action.ts'
import { architecturesOf, filterFlags } from './oci-options.ts'
import { type OciRule, ociRules } from './oci-rules.ts'
import { SYSCALLS_I386 } from './syscalls-i386.ts'
import { X32_BIT, x32Decisions } from './x32.ts'

const { values: RET } = SECCOMP_ACTIONS
const { values: AUDIT } = AUDIT_ARCH
/** Of calls that a machine makes in its own way */
export const NATIVE = { x64: AUDIT.AUDIT_ARCH_X86_64, arm64: AUDIT.AUDIT_ARCH_AARCH64 } as const satisfies Record<
  Arch,
  number
>
const U32 = 0xffff_ffffn

/** A filter to be loaded. */
export interface OciFilter {
  /** Instructions as an array of `struct sock_filter` */
  readonly filter: Uint8Array
  readonly flags: readonly SeccompFlag[]
  /** A rule tells a seccomp agent: loading yields a listener, which goes to `listenerPath` */
  readonly notify: boolean
  /** Call that the filter lets through, with which the listener is handed over; undefined when there is none to hand over */
  readonly handOver?: 'sendmsg' | 'sendmmsg'
  /** The filter lets `close` through: the connection to the agent ends before the exec */
  readonly closes: boolean
  /** What is not as asked, but stricter */
  readonly warnings: readonly string[]
}

/**
 * Compiles `linux.seccomp` of a configuration for a machine.
 * @throws InvalidInputError naming the JSON pointer
 */
export function ociSeccomp(seccomp: Seccomp, arch: Arch): OciFilter {
  const otherwise = ociAction(seccomp.defaultAction, seccomp.defaultErrnoRet)
  const rules = ociRules(seccomp, otherwise)
  const { x86, x32, warnings } = architecturesOf(seccomp, arch)
  const notify = rules.some(({ action }) => action.type === 'SCMP_ACT_NOTIFY')
  const handOver = notify ? handOverCall(rules, otherwise) : undefined
  const filter = assemble({ rules, otherwise, arch, x86, x32 })
  return {
    filter,
    flags: filterFlags(seccomp, notify),
    notify,
    ...(handOver === undefined ? {} : { handOver }),
    closes: notify && passes('close', rules, otherwise),
    warnings,
  }
}

/** @throws InvalidInputError when the process could not hand its listener over */
function handOverCall(rules: readonly OciRule[], otherwise: OciAction): 'sendmsg' | 'sendmmsg' {
  if (passes('sendmsg', rules, otherwise)) return 'sendmsg'
  if (passes('sendmmsg', rules, otherwise)) return 'sendmmsg'
  const problem = 'must let sendmsg or sendmmsg through: the process hands its listener over with one of them'
  throw new InvalidInputError(`/linux/seccomp/syscalls ${problem}`, { field: '/linux/seccomp/syscalls' })
}

/** Whether a call is let through, whatever its arguments. */
function passes(name: string, rules: readonly OciRule[], otherwise: OciAction): boolean {
  const about = rules.filter(({ idle, names }) => !idle && names.includes(name))
  const decided = about.find(({ tests }) => tests.length === 0)
  if (decided !== undefined) return isOpen(decided.action)
  return isOpen(otherwise) && about.every(({ action }) => isOpen(action))
}

const isOpen = ({ type }: OciAction): boolean => type === 'SCMP_ACT_ALLOW' || type === 'SCMP_ACT_LOG'

interface Assembly {
  readonly rules: readonly OciRule[]
  readonly otherwise: OciAction
  readonly arch: Arch
  readonly x86: boolean
  readonly x32: boolean
}

function assemble({ rules, otherwise, arch, x86, x32 }: Assembly): Uint8Array {
  const code = new FilterCode()
  const kill = code.returns(RET.SECCOMP_RET_KILL_PROCESS)
  const table = { code, otherwise }
  let other = kill
  if (x86) {
    const all = [...rules, ...multiplexedRules(rules, otherwise)]
    const compat = decide({ ...table, rules: all, numbers: SYSCALLS_I386, wide: false })
    const loaded = code.load(SECCOMP_DATA.nr, search(code, compat, 0))
    other = code.branch(BPF_OP.JEQ_K, AUDIT.AUDIT_ARCH_I386, loaded, kill)
  }
  const numbers = SYSCALLS[arch]
  const native = decide({ ...table, rules, numbers, wide: true })
  const loaded = code.load(
    SECCOMP_DATA.nr,
    arch === 'x64' ? withX32(code, native, numbers, x32, kill) : search(code, native, 0),
  )
  code.load(SECCOMP_DATA.arch, code.branch(BPF_OP.JEQ_K, NATIVE[arch], loaded, other))
  checkLength(code.length)
  return code.encode()
}

/** x32 shares its architecture with x86-64: a filter that ignores the bit is bypassed (seccomp(2)). */
function withX32(
  code: FilterCode,
  native: Decisions,
  numbers: Readonly<Record<string, number>>,
  asked: boolean,
  kill: NodeId,
): NodeId {
  const own = asked
    ? search(code, { ...native, nodes: x32Decisions(native.nodes, numbers, native.otherwise) }, X32_BIT)
    : // -1 is no number of x32 although it has the bit: a tracer skips a call by it.
      code.branch(BPF_OP.JEQ_K, 0xffff_ffff, native.otherwise, kill)
  return code.branch(BPF_OP.JSET_K, X32_BIT, own, search(code, native, 0))
}

function checkLength(length: number): void {
  if (length <= BPF_MAXINSNS) return
  const problem = `needs ${length} instructions, more than the ${BPF_MAXINSNS} that the kernel loads: use fewer argument tests`
  throw new InvalidInputError(`/linux/seccomp/syscalls ${problem}`, { field: '/linux/seccomp/syscalls' })
}

/** Per number of one architecture the node that decides it. */
interface Decisions {
  readonly nodes: readonly NodeId[]
  readonly otherwise: NodeId
  /** For numbers above all that the profile names */
  readonly beyond: NodeId
}

interface Table {
  readonly code: FilterCode
  readonly otherwise: OciAction
  readonly rules: readonly OciRule[]
  readonly numbers: Readonly<Record<string, number>>
  /** Whether arguments have 64 bits */
  readonly wide: boolean
}

function decide({ code, otherwise, rules, numbers, wide }: Table): Decisions {
  const fallback = code.returns(otherwise.value)
  const nodes: NodeId[] = []
  const tested = new Map<number, OciRule[]>()
  for (const rule of rules) decideRule(code, rule, numbers, nodes, tested)
  for (const [number, about] of tested) {
    if (nodes[number] === UNDECIDED) nodes[number] = chain(code, about, fallback, wide)
  }
  for (let number = 0; number < nodes.length; number++) if (nodes[number] === UNDECIDED) nodes[number] = fallback
  const newer = otherwise.value === RET.SECCOMP_RET_ERRNO + EPERM && nodes.length > 0
  return { nodes, otherwise: fallback, beyond: newer ? code.returns(RET.SECCOMP_RET_ERRNO + ENOSYS) : fallback }
}

const UNDECIDED: NodeId = -1

/** Afterwards there is a node for each number up to the largest that rules name. */
function decideRule(
  code: FilterCode,
  rule: OciRule,
  numbers: Readonly<Record<string, number>>,
  nodes: NodeId[],
  tested: Map<number, OciRule[]>,
): void {
  const node = rule.idle || rule.tests.length > 0 ? UNDECIDED : code.returns(rule.action.value)
  for (const name of rule.names) {
    const number = numbers[name]
    // An object's own methods have names too.
    if (typeof number !== 'number') continue
    while (nodes.length <= number) nodes.push(UNDECIDED)
    if (rule.idle) continue
    if (node === UNDECIDED) tested.set(number, [...(tested.get(number) ?? []), rule])
    else if (nodes[number] === UNDECIDED) nodes[number] = node
  }
}

/** The strictest rule that matches decides. */
function chain(code: FilterCode, about: readonly OciRule[], otherwise: NodeId, wide: boolean): NodeId {
  const byRank = about.toSorted((a, b) => a.action.rank - b.action.rank)
  return byRank.reduceRight((next, rule) => {
    const matched = code.returns(rule.action.value)
    return rule.tests.reduceRight((yes, test) => argumentTest(code, wide ? test : low(test), yes, next), matched)
  }, otherwise)
}

/** A 32-bit program's arguments have no upper half: -1 of a profile is 0xffffffff there. */
function low(test: SeccompArgument): SeccompArgument {
  return { ...test, value: BigInt(test.value) & U32, valueTwo: BigInt(test.valueTwo ?? 0) & U32 }
}

/** A binary search among the numbers of one table; `bit` is set in all of them. */
function search(code: FilterCode, { nodes, beyond }: Decisions, bit: number): NodeId {
  const starts: number[] = []
  let current = -1
  for (let number = 0; number < nodes.length; number++) {
    if (nodes[number] === current) continue
    starts.push(number)
    current = nodes[number] as NodeId
  }
  if (current !== beyond) starts.push(nodes.length)
  const between = (first: number, end: number): NodeId => {
    if (end - first === 1) return nodes[starts[first] as number] ?? beyond
    const middle = (first + end) >> 1
    const above = between(middle, end)
    return code.branch(BPF_OP.JGE_K, bit + (starts[middle] as number), above, between(first, middle))
  }
  return between(0, starts.length)
}
