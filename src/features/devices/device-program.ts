import { InvalidInputError } from '../../base/errors.ts'
import { EbpfAssembler } from '../../linux/ebpf-assembler.ts'
import { EBPF_MAXINSNS, type EbpfInstruction, printEbpfInstruction } from '../../linux/ebpf-instructions.ts'
import {
  ALL_ACCESS,
  ANY,
  allowedAccess,
  contains,
  type DeviceKind,
  type DevicePattern,
  type FullRule,
  fullRules,
  lettersOf,
  printPattern,
} from './device-pattern.ts'
import { patternsOf } from './distinct-patterns.ts'
import type { DeviceRule } from './device-rule.ts'

/** `struct bpf_cgroup_dev_ctx` of linux/bpf.h: the letters are the upper half of the first word, the kind of device is the lower. */
export const DEVICE_CONTEXT = { access_type: 0, major: 4, minor: 8, size: 12 } as const

/** BPF_DEVCG_DEV_BLOCK and BPF_DEVCG_DEV_CHAR of linux/bpf.h. */
export const DEVICE_KINDS: Readonly<Record<DeviceKind, number>> = { b: 1, c: 2 }

/** Answers of a filter: the call goes on, or fails with EPERM. */
export const VERDICT = { deny: 0, allow: 1 } as const

const R0 = 0
const CONTEXT = 1
const KIND = 2
/** Letters of the access */
const LETTERS = 3
const MAJOR = 4
const MINOR = 5

/** A device filter, and what its parts are there for. */
export interface DeviceProgram {
  readonly instructions: readonly EbpfInstruction[]
  /** By index of the first instruction: the devices that it is about, and what they may be used for */
  readonly notes: ReadonlyMap<number, string>
}

/** Devices, and the letters that are allowed for them. */
interface Decision extends DevicePattern {
  readonly allowed: number
}

/** From `c 1:3` over `c 1:*` and `c *:3` to `c *:*`: the first that a device is one of decides about it. */
const rank = ({ major, minor }: DevicePattern): number => (major === ANY ? 2 : 0) + (minor === ANY ? 1 : 0)

/** What the rules come to, narrowest first, without what the next wider says too. What is not there is denied. */
function decisionsOf(rules: readonly FullRule[], kind: DeviceKind): readonly Decision[] {
  const kept: Decision[] = []
  const widestFirst = [...patternsOf(rules, kind).values()].toSorted((a, b) => rank(b) - rank(a))
  for (const pattern of widestFirst) {
    const allowed = allowedAccess(rules, pattern)
    const wider = kept.findLast((each) => contains(each, pattern))
    if (allowed !== (wider?.allowed ?? 0)) kept.push({ ...pattern, allowed })
  }
  return kept.toReversed()
}

/** A program in the making. */
class FilterWriter {
  readonly to = new EbpfAssembler()
  readonly notes = new Map<number, string>()

  note(decision: Decision): void {
    const letters = decision.allowed === 0 ? 'nothing' : lettersOf(decision.allowed)
    this.notes.set(this.to.length, `${printPattern(decision)} ${letters}`)
  }

  /** Ends the program for a device: every letter of the access must be an allowed one. */
  decide(decision: Decision): void {
    this.note(decision)
    const denied = ALL_ACCESS & ~decision.allowed
    if (denied !== 0 && denied !== ALL_ACCESS) this.to.gotoIfAny(LETTERS, denied, 'deny')
    this.to.goto(denied === ALL_ACCESS ? 'deny' : 'allow')
  }

  /** The same for one minor number. */
  decideMinor(decision: Decision): void {
    const { allowed, minor } = decision
    if (allowed === 0 || allowed === ALL_ACCESS) {
      this.note(decision)
      this.to.gotoIfEqual(MINOR, minor, allowed === 0 ? 'deny' : 'allow')
      return
    }
    const next = `after ${printPattern(decision)}`
    this.note(decision)
    this.to.gotoIfNotEqual(MINOR, minor, next)
    this.to
      .gotoIfAny(LETTERS, ALL_ACCESS & ~allowed, 'deny')
      .goto('allow')
      .label(next)
  }

  /** All of one major number; who is not decided about goes on where any major is. */
  decideMajor(kind: DeviceKind, major: number, decisions: readonly Decision[], isLast: boolean): void {
    const next = `after ${kind} ${major}`
    this.to.gotoIfNotEqual(MAJOR, major, next)
    for (const decision of decisions) {
      if (decision.minor === ANY) this.decide(decision)
      else this.decideMinor(decision)
    }
    if (decisions.at(-1)?.minor !== ANY && !isLast) this.to.goto(`any major of ${kind}`)
    this.to.label(next)
  }

  /**
   * All of one kind of device; behind the last one stands the denial. No path goes on after a device was found, so that the verifier's work grows with the number of
   * instructions and not with its square (it gives up at 131,072 steps before Linux 5.2).
   */
  decideKind(kind: DeviceKind, decisions: readonly Decision[], isLast: boolean): void {
    if (decisions.length === 0) return
    this.to.gotoIfNotEqual(KIND, DEVICE_KINDS[kind], `after ${kind}`)
    const majors = [...new Set(decisions.map(({ major }) => major))].filter((major) => major !== ANY)
    for (const [at, major] of majors.entries()) {
      const ofMajor = decisions.filter((each) => each.major === major)
      this.decideMajor(kind, major, ofMajor, at === majors.length - 1)
    }
    this.to.label(`any major of ${kind}`)
    const others = decisions.filter(({ major }) => major === ANY)
    for (const decision of others.filter(({ minor }) => minor !== ANY)) this.decideMinor(decision)
    const rest = others.find(({ minor }) => minor === ANY)
    if (rest) this.decide(rest)
    else if (!isLast) this.to.goto('deny')
    this.to.label(`after ${kind}`)
  }
}

const isAll = (decisions: readonly Decision[]): boolean =>
  decisions.length === 1 && decisions.every((each) => rank(each) === 3 && each.allowed === ALL_ACCESS)

/** The whole program is one answer: the verifier refuses another one that is never reached. */
const answer = (verdict: number): DeviceProgram => ({
  instructions: new EbpfAssembler().set(R0, verdict).exit().instructions,
  notes: new Map(),
})

/**
 * The filter for a group of cgroup v2 (BPF_PROG_TYPE_CGROUP_DEVICE, Linux 4.15). Each letter of an access is decided by the last rule
 * that names it for the device, as on cgroup v1: an open for reading and writing needs both, and a rule that denies writing denies it.
 * What no rule names is denied; without any rule everything is allowed.
 * Preconditions: the rules are checked.
 * @throws InvalidInputError for more rules than a program can hold
 */
export function deviceProgram(rules: readonly DeviceRule[], field = 'devices'): DeviceProgram {
  const full = fullRules(rules)
  const block = decisionsOf(full, 'b')
  const character = decisionsOf(full, 'c')
  if (rules.length === 0 || (isAll(block) && isAll(character))) return answer(VERDICT.allow)
  if (block.length === 0 && character.length === 0) return answer(VERDICT.deny)
  const writer = new FilterWriter()
  const { to, notes } = writer
  to.loadWord(KIND, CONTEXT, DEVICE_CONTEXT.access_type).copy(LETTERS, KIND).and(KIND, 0xffff).shiftRight(LETTERS, 16)
  to.loadWord(MAJOR, CONTEXT, DEVICE_CONTEXT.major).loadWord(MINOR, CONTEXT, DEVICE_CONTEXT.minor)
  writer.decideKind('c', character, block.length === 0)
  writer.decideKind('b', block, true)
  to.label('deny').set(R0, VERDICT.deny).exit()
  to.label('allow').set(R0, VERDICT.allow).exit()
  if (to.length > EBPF_MAXINSNS) {
    throw new InvalidInputError(
      `${field} has too many rules: a filter of ${to.length} instructions is made of them, ${EBPF_MAXINSNS} is the most`,
      { field },
    )
  }
  return { instructions: to.instructions, notes }
}

/** The filter as `bpftool prog dump xlated` prints it, with the devices that its parts are about. */
export const printDeviceProgram = ({ instructions, notes }: DeviceProgram): string =>
  instructions
    .flatMap((instruction, at) => {
      const note = notes.get(at)
      const line = `${String(at).padStart(4)}: ${printEbpfInstruction(instruction)}`
      return note === undefined ? [line] : [`; ${note}`, line]
    })
    .join('\n')
