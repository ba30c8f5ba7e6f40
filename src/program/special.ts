import type { Call, EncodedOut, Param } from '../linux/call.ts'
import { type Flags, flagsValue, printFlags } from '../linux/flags.ts'
import type { Encoder } from '../linux/encoder.ts'
import { type Fd, type Pid, Ref } from '../linux/ref.ts'
import { CLONE, type CloneFlag } from '../linux/tables/clone.ts'
import { SPECIALS } from '../protocol/wire.ts'
import type { ProgramBuilder } from './builder.ts'

/** struct clone_args of linux/sched.h: eleven 64-bit fields, of which these are used (clone3(2), Linux 5.7). */
const CLONE_ARGS = { size: 88, flags: 0, pidfd: 8, exit_signal: 32, cgroup: 80 } as const
const SIGCHLD = 17

/** How a child is made. */
export interface CloneStep {
  /** Namespaces and other clone flags, kernel names */
  readonly flags: Flags<CloneFlag>
  /** The child's own socket to Node; the parent's copy is closed */
  readonly control: Ref<Fd>
  /** Descriptors of the parent that the child keeps, as numbers 4, 5, … in this order */
  readonly keep?: readonly (Ref<Fd> | number)[]
  /** A directory of a v2 cgroup that the child is born in (CLONE_INTO_CGROUP, Linux 5.7) */
  readonly cgroup?: Ref<Fd>
}

/** Adds the making of a child that is again an agent. The references are its pid as the parent sees it, and its pidfd. */
export function cloneStep(p: ProgramBuilder, how: CloneStep): { readonly pid: Ref<Pid>; readonly pidfd: Ref<Fd> } {
  const extra: CloneFlag[] = how.cgroup ? ['CLONE_PIDFD', 'CLONE_INTO_CGROUP'] : ['CLONE_PIDFD']
  const flags = [
    ...(Array.isArray(how.flags) ? (how.flags as readonly CloneFlag[]) : [how.flags as CloneFlag]),
    ...extra,
  ]
  const index = p.length
  const call: Call = {
    name: 'clone3',
    params: [cloneParam(flags, how)],
    result: { type: 'Pid', ref: 'Ref<Pid>', kind: 'pid' },
  }
  const out = p.addSpecial(SPECIALS.CLONE, call, [], [`close(${how.control.label}) = 0`]) as { pidfd: Ref<Fd> }
  return { pid: new Ref<Pid>(p, { kind: 'result', value: index }, `r${index}`), pidfd: out.pidfd }
}

function cloneParam(flags: readonly CloneFlag[], how: CloneStep): Param {
  return {
    name: 'cl_args',
    type: 'CloneStep',
    implied: true,
    encode(_, to): EncodedOut {
      const args = new DataView(new ArrayBuffer(CLONE_ARGS.size))
      args.setBigUint64(CLONE_ARGS.flags, BigInt(flagsValue(CLONE, flags, to.arch, 'clone.flags')), true)
      args.setBigUint64(CLONE_ARGS.exit_signal, BigInt(SIGCHLD), true)
      const at = to.place(new Uint8Array(args.buffer))
      const pidfd = to.reserve(4)
      to.relocate(at + CLONE_ARGS.pidfd, { kind: 'reply', value: pidfd }, 8)
      if (how.cgroup) to.relocate(at + CLONE_ARGS.cgroup, to.wordOf(how.cgroup), 8)
      to.pushData(at)
      to.pushNumber(CLONE_ARGS.size)
      to.push(to.wordOf(how.control))
      pushNumbers(to, how.keep ?? [])
      return { at: pidfd, decode: () => undefined, loads: { pidfd } }
    },
    print: () => {
      const cgroup = how.cgroup ? `, cgroup=${how.cgroup.label}` : ''
      return `{flags=${printFlags(CLONE, flags)}, exit_signal=SIGCHLD${cgroup}}, ${CLONE_ARGS.size}`
    },
  }
}

/** Pushes the address of a list of 32-bit numbers, and a count. */
function pushNumbers(to: Encoder, items: readonly (number | Ref<Fd>)[], count = items.length): void {
  const view = new DataView(new ArrayBuffer(4 * items.length))
  items.forEach((item, i) => {
    if (typeof item === 'number') view.setInt32(4 * i, item, true)
  })
  const at = to.place(new Uint8Array(view.buffer))
  items.forEach((item, i) => {
    if (item instanceof Ref) to.relocate(at + 4 * i, to.wordOf(item), 4)
  })
  to.pushData(at)
  to.pushNumber(count)
}

/** Adds the step after which the process is a fresh image of the agent; `binary` is an open file of it, by default its own. */
export function reexecStep(p: ProgramBuilder, binary?: Ref<Fd>): void {
  const call: Call = {
    name: 'execveat',
    params: [
      {
        name: 'binary',
        type: 'Ref<Fd>',
        implied: true,
        encode: (_, to) => (binary ? to.push(to.wordOf(binary)) : to.pushNumber(-1)),
        print: () =>
          binary
            ? `${binary.label}, "", ["carrel-agent"], /* 1 var */, AT_EMPTY_PATH`
            : 'AT_FDCWD, "/proc/self/exe", ["carrel-agent"], /* 1 var */, 0',
      },
    ],
    result: { type: 'void', ref: 'void', kind: 'void' },
  }
  p.addSpecial(SPECIALS.REEXEC, call, [])
}

/** A descriptor and the number that the program to be executed finds it at. */
export type DescriptorMove = readonly [source: Ref<Fd> | number, target: number]

/**
 * Adds the step before an exec that puts descriptors where the new program expects them and marks every other one close-on-exec
 * (CVE-2024-21626: no descriptor reaches a program unnamed).
 */
export function descriptorsStep(p: ProgramBuilder, moves: readonly DescriptorMove[]): void {
  const base = Math.max(2, ...moves.map(([, target]) => target)) + 1
  const call: Call = {
    name: 'close_range',
    params: [
      {
        name: 'moves',
        type: 'DescriptorMove[]',
        implied: true,
        encode(_, to) {
          pushNumbers(to, moves.flat(), moves.length)
        },
        print: () => '3, 4294967295, CLOSE_RANGE_CLOEXEC',
      },
    ],
    result: { type: 'void', ref: 'void', kind: 'void' },
  }
  const label = (source: Ref<Fd> | number) => (typeof source === 'number' ? String(source) : source.label)
  const also = [
    ...moves.map(([source], i) => `fcntl(${label(source)}, F_DUPFD_CLOEXEC, ${base}) = d${i}`),
    ...moves.flatMap(([, target], i) => [`dup3(d${i}, ${target}, 0) = ${target}`, `close(d${i}) = 0`]),
  ]
  p.addSpecial(SPECIALS.DESCRIPTORS, call, [], also)
}
