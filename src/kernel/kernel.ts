/** An argument of a system call: a number, text (NUL-terminated when it is passed), bytes by their address, or a null pointer. */
export type SyscallArgument = number | bigint | string | Uint8Array | null

/** A root agent that was started; nothing was said on its socket yet. */
export interface StartedAgent {
  /** A child of this process: whoever starts it reaps it, or ends before it */
  readonly pid: number
  /** Close-on-exec, blocking */
  readonly socket: number
}

/**
 * The kernel as this very process sees it, without an event loop: what a short command needs. One implementation per JavaScript
 * engine (`node.ts` by the addon, `quickjs.ts` in the standalone executable); no other file of this folder knows which.
 */
export interface Kernel {
  /**
   * One system call by its number, in this process: its result, or -errno. Arguments that are missing are 0.
   * Calls that change the credentials or namespaces of one thread have no meaning here: an agent makes those.
   * @throws InvalidInputError for text with a NUL, and nothing else
   */
  syscall(number: number, ...args: readonly SyscallArgument[]): number
  /** Address of bytes for a struct that points to them; the caller keeps them alive */
  address(bytes: Uint8Array): bigint
  /** Starts an agent from a sealed memfd (CVE-2019-5736), with no descriptor of this process but its socket, default signals. */
  startAgent(): StartedAgent
  /**
   * Executes the agent in the place of this process: `socket` is its control socket (3), `keep` are descriptors 4, 5, …, `words` what
   * follows its name in argv. No signal is ignored or blocked.
   * @throws SyscallError; descriptors have changed by then, so all that is left is to say it and exit
   */
  becomeAgent(socket: number, keep: readonly number[], words?: readonly string[]): never
  /** How this program is executed again: absolute paths */
  readonly self: readonly string[]
  /** Words after the command's own name, and the environment */
  readonly words: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether the engine has raised the limit of open files that this process was started with */
  readonly raisesFileLimit: boolean
  /** Ends this process at once, without what an engine would still do */
  exit(code: number): never
}
