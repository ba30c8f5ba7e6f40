import { closeSync, readdirSync, readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { AgentError, StateError, SyscallError, TimeoutError } from '../../base/errors.ts'
import { program } from '../../program/builder.ts'
import type { Channel } from '../../kernel/addon.ts'
import type { Member } from '../tree/member.ts'
import { WAKE } from '../tree/wake.ts'
import type { Exit } from '../tree/exit.ts'
import { within } from './waiting.ts'
import { native } from '../../kernel/native.ts'
import type { Child } from '../tree/child.ts'

/** How much is kept of what a command prints, from its end, in characters */
const KEPT_TEXT = 2000

/** How long after its end the last words of a command may take to arrive, in milliseconds */
const LAST_WORDS_MS = 100

/** How long a command that was killed may take to end, in milliseconds */
const KILLED_MS = 500

/** asm-generic/fcntl.h */
const O_ASYNC = 0o20000

/**
 * The command that a root agent was started by. sudo(8) stays between the agent and this process and waits for what it executed;
 * others become the agent. What they print is kept for the message of an error.
 */
export class StartCommand {
  /** Resolves once it has ended, with what that means for the agent; does not keep the event loop alive until then */
  readonly ended: Promise<AgentError>
  readonly #line: string
  readonly #output: Channel
  readonly #outputEnded: Promise<void>
  readonly #end: Channel
  #text = ''
  #wire: Channel | undefined

  constructor(words: readonly string[], from: { readonly output: number; readonly end: number }) {
    this.#line = words.join(' ')
    let onEndOfOutput!: () => void
    let onEnd!: () => void
    this.#outputEnded = new Promise((resolve) => (onEndOfOutput = resolve))
    const onOutput = (bytes: Uint8Array | null, _: unknown, size: number): void => {
      if (size <= 0 || !bytes) return onEndOfOutput()
      this.#text = (this.#text + Buffer.from(bytes.subarray(0, size)).toString()).slice(-KEPT_TEXT)
    }
    this.ended = new Promise<void>((resolve) => (onEnd = resolve)).then(() => this.#listenToTheEnd())
    this.#output = native().watch(from.output, onOutput, true)
    this.#end = native().watch(from.end, () => onEnd(), true)
  }

  /**
   * Has the agent hear of the end of this process even inside a call that blocks. To an agent that is a child of this process its
   * parent-death signal says so; the parent of this one may be the command, whose end comes to this process first. Here it is the
   * signal of fcntl(2) F_SETSIG.
   */
  async connect(agent: Member): Promise<void> {
    const [ours, theirs] = native().socketpair()
    // After a re-exec: the old image took its end with it.
    if (this.#wire) native().close(this.#wire)
    this.#wire = native().watch(ours, () => {})
    const p = program()
    const wire = p.attached(0)
    p.fcntl(wire, 'F_SETSIG', WAKE)
    p.fcntl(wire, 'F_SETOWN', p.getpid())
    p.fcntl(wire, 'F_SETFL', O_ASYNC)
    p.prctl('PR_SET_PDEATHSIG', 0)
    try {
      await agent.run(p, { descriptors: [theirs] })
    } catch (error) {
      // Its filter came before this, and holds: without a wire its calls end by themselves.
      if (!(error instanceof StateError)) throw error
    } finally {
      closeSync(theirs)
    }
  }

  /** Makes a call that blocks in the agent return. */
  wake(): void {
    // A full wire has woken it often enough.
    if (this.#wire) native().send(this.#wire, new Uint8Array(1), [])
  }

  /** Kills the command and all that is below it. False when that is not permitted: what sudo(8) made is root's. */
  kill(child: Child): boolean {
    try {
      // A parent that is stopped reaps nobody, so the pids below it stay what they are.
      if (child.kill('SIGSTOP')) killBelow(child.pid)
      child.kill('SIGKILL')
      return true
    } catch (error) {
      if (error instanceof SyscallError && error.errno === 'EPERM') return false
      throw error
    }
  }

  /** Ends what did not become an agent, and says why it did not. */
  async explain(error: unknown, child: Child): Promise<unknown> {
    const gaveUp = !(error instanceof AgentError)
    const exit = gaveUp ? undefined : await within(child.exited, LAST_WORDS_MS)
    if (!exit) this.kill(child)
    native().ref(this.#end)
    await within(this.ended, KILLED_MS)
    if (error instanceof TimeoutError) return new TimeoutError(`"${this.#line}" did not answer`, error.timeoutMs)
    if (gaveUp) return error
    const how = exit ? describeExit(exit) : 'runs no agent'
    return new AgentError(`Agent did not start: "${this.#line}" ${how}: ${this.#text.trim() || error.message}`, {
      cause: error,
    })
  }

  async #listenToTheEnd(): Promise<AgentError> {
    native().close(this.#end)
    // What the agent sent before the end is in its socket, and is read in this turn of the event loop.
    await setImmediate()
    await within(this.#outputEnded, LAST_WORDS_MS)
    native().close(this.#output)
    if (this.#wire) native().close(this.#wire)
    const text = this.#text.trim()
    return new AgentError(`Agent is gone: "${this.#line}" ended${text ? `: ${text}` : ''}`)
  }
}

const describeExit = (exit: Exit): string =>
  exit.kind === 'exited' ? `ended with status ${exit.code}` : `was killed by ${exit.signal}`

function killBelow(pid: number): void {
  for (const child of childrenOf(pid)) {
    if (signal(child, 'SIGSTOP')) killBelow(child)
    signal(child, 'SIGKILL')
  }
}

/** False when the process is gone or somebody else's. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

/** As proc_pid_task_children(5) tells; none when it has ended. */
function childrenOf(pid: number): readonly number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    const lists = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8'))
    return lists.join(' ').split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}
