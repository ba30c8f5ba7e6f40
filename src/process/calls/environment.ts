import { InvalidInputError } from '../../base/errors.ts'
import { describeValue } from '../../linux/show-value.ts'

/**
 * The environment that a process's programs get, environ(7). The kernel knows none: execve(2) takes a list of strings, and all else is
 * libc's, of which an agent has nothing. So it is kept here, per process, copied to a child when it is made, and costs no message.
 */
export class Environment {
  readonly #variables: Map<string, string>

  /** @throws InvalidInputError for a name that is empty or holds "=", a name or value that holds NUL */
  constructor(variables: Readonly<Record<string, string>> = {}) {
    this.#variables = new Map()
    for (const [name, value] of Object.entries(variables)) this.set(name, value)
  }

  /** A copy: what fork(2) gives a child. */
  child(): Environment {
    return new Environment(this.variables())
  }

  /** All variables as execve(2) takes them, `NAME=value`; each name once, in the order in which they were first set. */
  list(): string[] {
    return [...this.#variables].map(([name, value]) => `${name}=${value}`)
  }

  /** All variables by name. */
  variables(): Record<string, string> {
    return Object.fromEntries(this.#variables)
  }

  get(name: string): string | undefined {
    return this.#variables.get(checkName(name))
  }

  /** @throws InvalidInputError */
  set(name: string, value: string, overwrite = true): void {
    checkName(name)
    if (typeof value !== 'string' || value.includes('\0')) {
      throw new InvalidInputError(`Value of environment variable ${JSON.stringify(name)} must be text without NUL`, {
        field: `env.${name}`,
      })
    }
    if (overwrite || !this.#variables.has(name)) this.#variables.set(name, value)
  }

  /** @throws InvalidInputError */
  unset(name: string): void {
    this.#variables.delete(checkName(name))
  }

  clear(): void {
    this.#variables.clear()
  }
}

/** @throws InvalidInputError, as setenv(3) gives EINVAL */
function checkName(name: string): string {
  if (typeof name === 'string' && name !== '' && !/[=\0]/.test(name)) return name
  throw new InvalidInputError(
    `Environment name ${describeValue(name)} must be text that is not empty and holds no "=" and no NUL`,
    { field: `env.${String(name)}` },
  )
}
