import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { InvalidInputError, SyscallError, UnsupportedError } from '../../base/errors.ts'
import { type CallOptions, LIMIT_OPTIONS } from '../../linux/call-options.ts'
import { DEFAULT_PATH } from '../../program/exec-steps.ts'
import type { Started } from '../../kernel/addon.ts'
import { assertAgentFile } from './agent-file.ts'
import { findBinary } from '../../kernel/binaries.ts'
import { native } from '../../kernel/native.ts'
import { StartCommand } from './start-command.ts'

/** How a root agent is started. */
export interface StartOptions extends CallOptions {
  /**
   * A command that executes its arguments and gives them its own standard input: `['sudo', '-n']`, `['setpriv', '--no-new-privs']`.
   * Without a slash it is searched in PATH. It has no environment but PATH and `env`. As long as it stays, it is the root's process:
   * its pid is the agent's `pid`, and its end is the end of the tree.
   */
  readonly wrapper?: readonly string[]
  /**
   * The agent's file, for file capabilities or a rule of sudoers(5): a copy of the one that was built. Default: the built one, which
   * without a wrapper runs from a sealed copy in memory. With a wrapper it is a path as the wrapper sees it.
   */
  readonly binary?: string
  /** Environment of the tree's programs, and of the wrapper. The agent itself has none */
  readonly env?: Readonly<Record<string, string>>
}

/** What `Agent.start()` takes. */
export const START_OPTIONS = [...LIMIT_OPTIONS, 'linked', 'wrapper', 'binary', 'env']

/** A root agent that was started, and has not said anything yet. */
export interface Launched extends Started {
  /** The command between this process and the agent, if there is one */
  readonly command?: StartCommand
}

/**
 * Starts the process of a root agent.
 * @throws InvalidInputError, UnsupportedError for a command or agent that is missing, SyscallError when it cannot be executed
 */
export function launchAgent(options: StartOptions = {}): Launched {
  const { wrapper, binary, env = {} } = options
  if (!wrapper && binary === undefined) return native().start(findBinary('carrel-agent'))
  assertWords(wrapper, binary, env)
  if (!wrapper) assertAgentFile(binary as string)
  // Where a wrapper leads (chroot, another container) this process cannot look.
  const words = [...(wrapper ?? []), binary ?? findBinary('carrel-agent'), FROM_STANDARD_INPUT]
  const search = env['PATH'] ?? process.env['PATH'] ?? DEFAULT_PATH
  const path = findCommand(words[0] as string, search)
  const variables = Object.entries({ PATH: search, ...env }).map(([name, value]) => `${name}=${value}`)
  const { output, end, ...started } = execute(path, words, variables)
  return { ...started, command: new StartCommand(words, { output, end }) }
}

/** agent/main.c: the control socket is descriptor 0 */
const FROM_STANDARD_INPUT = '-0'

function execute(path: string, words: readonly string[], env: readonly string[]): ReturnType<typeof startCommand> {
  try {
    return startCommand(path, words, env)
  } catch (error) {
    const { code = 'EIO', syscall } = error as NodeJS.ErrnoException
    if (syscall !== 'posix_spawn') throw error
    const because = `It was to run the agent: ${words.join(' ')}`
    throw new SyscallError({ call: 'execve', args: JSON.stringify(path), errno: code, step: 0, steps: 1, because })
  }
}

const startCommand = (path: string, words: readonly string[], env: readonly string[]) =>
  native().start(path, words, env)

function assertWords(wrapper: readonly string[] | undefined, binary: string | undefined, env: object): void {
  if (wrapper && (!Array.isArray(wrapper) || wrapper.length === 0)) {
    throw new InvalidInputError("wrapper is a list of a command and its arguments, such as ['sudo', '-n']", {
      field: 'wrapper',
    })
  }
  for (const word of wrapper ?? []) assertText('wrapper', word)
  if (binary !== undefined) assertText('binary', binary)
  if (binary === '') throw new InvalidInputError('binary is the path of an agent, not empty', { field: 'binary' })
  for (const [name, value] of Object.entries(env)) {
    assertText(`env.${name}`, value)
    if (name === '' || name.includes('=') || name.includes('\0')) {
      throw new InvalidInputError(`env has a name that no environment can have: ${JSON.stringify(name)}`, {
        field: 'env',
      })
    }
  }
}

function assertText(field: string, value: unknown): void {
  if (typeof value === 'string' && !value.includes('\0')) return
  throw new InvalidInputError(`${field} is text without NUL bytes`, { field })
}

/** As execvp(3) searches; a name with a slash is not searched. */
function findCommand(name: string, search: string): string {
  if (name.includes('/')) return name
  const found = search
    .split(delimiter)
    .map((folder) => join(folder || '.', name))
    .find(mayExecute)
  if (found !== undefined) return found
  throw new UnsupportedError(`Cannot find "${name}" in PATH (${search})`, {
    fact: `program:${name}`,
    remedy: 'install it, or give its path',
  })
}

function mayExecute(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
