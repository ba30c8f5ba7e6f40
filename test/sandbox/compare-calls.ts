import type { Program } from '../../src/program/builder.ts'
import { printStep } from '../../src/program/listing.ts'
import type { Traced } from './strace.ts'

/** Calls of an agent beside its programs, with what their arguments show */
export type AgentsOwn = Readonly<Record<string, RegExp>>

/** What an agent does beside its programs, with the arguments that it does it with. */
const AGENTS_OWN: AgentsOwn = {
  // Waiting for orders and answering them: agent/loop.c, input.c, output.c, memory.c.
  ...{
    ppoll: /./,
    recvmsg: /./,
    sendmsg: /./,
    restart_syscall: /./,
    getpid: /^/,
    getppid: /^/,
    mmap: /MAP_ANONYMOUS/,
    munmap: /./,
  },
  // What a clone is checked for, and where a new child puts its descriptors: child.c, descriptors.c.
  ...{ fcntl: /F_GETFD|F_DUPFD_CLOEXEC/, dup3: /O_CLOEXEC/, close_range: /./, close: /^\d+$/ },
  // Signals of a new child, and children that ended: signals.c.
  ...{
    rt_sigprocmask: /SIG_SETMASK|SIG_BLOCK/,
    rt_sigaction: /./,
    signalfd4: /./,
    prctl: /PR_[GS]ET_PDEATHSIG/,
    wait4: /WNOHANG/,
    read: /, \d{3,}$/,
  },
}

/** A call of a program, as far as strace can confirm it. */
export interface Expected {
  readonly name: string
  /** The call as it is listed, for messages */
  readonly line: string
  /** What its arguments must show: names of flags, and texts (or how they begin, when a number follows) */
  readonly words: readonly string[]
  readonly texts: readonly string[]
  /** Results of other steps that it uses, and the name of its own: the agent leaves out what uses the result of a failed one */
  readonly uses: readonly string[]
  readonly gives: string
}

let programs = 0

/** The calls of a program, in order. */
export function expectedOf(program: Program): readonly Expected[] {
  const number = programs++
  return program.steps.flatMap((step) => printStep(step).map((line) => expected(line, `${number}:`)))
}

function expected(line: string, prefix: string): Expected {
  const args = line.slice(line.indexOf('(') + 1, line.lastIndexOf(') ='))
  // Bytes with a NUL are a structure, which strace takes apart.
  const texts = [...args.matchAll(/"((?:[^"\\]|\\.)*)"/g)]
    .map(([, text = '']) => text.replace(/<r\d+>$/, ''))
    .filter((text) => !text.includes('\\0'))
  const bare = args.replace(/"(?:[^"\\]|\\.)*"/g, '').replace(/\/\*.*?\*\//g, '')
  return {
    line,
    name: line.slice(0, line.indexOf('(')),
    words: bare.match(/\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b/g) ?? [],
    texts,
    uses: [...args.matchAll(/\br\d+\b/g)].map(([ref]) => prefix + ref),
    gives: prefix + (/^r\d+/.exec(line.slice(line.lastIndexOf(') =') + 4))?.[0] ?? line),
  }
}

function agrees(wanted: Expected, { name, args }: Traced): boolean {
  return (
    name === wanted.name &&
    wanted.words.every((word) => args.includes(word)) &&
    wanted.texts.every((text) => args.includes(`"${text}`))
  )
}

/** Goes through what a process did; what is not the plan's must be the agent's own. Returns the first disagreement. */
export function compare(calls: readonly Traced[], plan: readonly Expected[], more: AgentsOwn = {}): string | undefined {
  let next = 0
  const failed = new Set<string>()
  for (const call of calls) {
    const wanted = plan[next]
    if (wanted && agrees(wanted, call)) {
      if (call.result.startsWith('-1 ')) failed.add(wanted.gives)
      next = afterLeftOut(plan, next + 1, failed)
    } else if (!AGENTS_OWN[call.name]?.test(call.args) && !more[call.name]?.test(call.args))
      return `strace: ${call.name}(${call.args}) = ${call.result}\nplan:   ${wanted?.line ?? 'nothing more'}`
  }
  const missing = plan[next]
  return missing && `the plan’s ${missing.line} was never made (${next} of ${plan.length} were)`
}

/** Index of the next step that is made, when these have failed or were left out. */
function afterLeftOut(plan: readonly Expected[], from: number, failed: Set<string>): number {
  for (let at = from; ; at++) {
    const step = plan[at]
    if (!step?.uses.some((each) => failed.has(each))) return at
    failed.add(step.gives)
  }
}
