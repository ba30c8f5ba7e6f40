import { InvalidInputError } from '../../base/errors.ts'
import { nearest } from '../../linux/nearest.ts'
import { LIMITS } from '../../protocol/wire.ts'

/**
 * What can be set for a process of the tree, with its default. A child begins with its parent's values; a later change of the
 * parent's does not reach it.
 */
const OPTIONS = {
  /** Children that it may have at once: policy, for a child costs its parent nothing but a process */
  maxchild: { value: 65_535, least: 0, most: 65_535 },
  /** Agents that may stand above one another, itself included: policy too, since nothing is relayed (alcove: 16) */
  maxforkdepth: { value: 1024, least: 1, most: 65_535 },
  /**
   * Signal that its children get, with their process groups, when the connection to this process ends; SIGKILL follows after
   * `grace`. 0: none, the children are waited for
   */
  signaloneof: { value: 9, least: 0, most: 64 },
  /** Milliseconds between that signal and SIGKILL */
  grace: { value: LIMITS.GRACE_MS, least: 0, most: 600_000 },
  /** Bytes that are read of stdout and of stderr of a program that a child becomes, until they are granted; -1: all */
  flowcontrol: { value: -1, least: -1, most: Number.MAX_SAFE_INTEGER },
  /** 1: events() tells the children that exited */
  exit_status: { value: 1, least: 0, most: 1 },
  /** 1: events() tells the children that a signal killed */
  termsig: { value: 1, least: 0, most: 1 },
} as const

export type AgentOption = keyof typeof OPTIONS

/** The names of the options. */
export const AGENT_OPTIONS = Object.keys(OPTIONS) as readonly AgentOption[]

/** The options of one process. */
export class AgentOptions {
  readonly #values: Map<AgentOption, number>

  constructor(parent?: AgentOptions) {
    this.#values = new Map(parent ? parent.#values : AGENT_OPTIONS.map((name) => [name, OPTIONS[name].value]))
  }

  /** @throws InvalidInputError for an unknown name */
  get(name: AgentOption): number {
    assertName(name)
    return this.#values.get(name) as number
  }

  /**
   * @param children that there are: maxchild is no less
   * @throws InvalidInputError for an unknown name, or a value out of range
   */
  set(name: AgentOption, value: number, children = 0): void {
    checkOption(name, value)
    if (name === 'maxchild' && value < children) {
      throw new InvalidInputError(`maxchild cannot be ${value}: there are ${children} children already`, {
        field: name,
      })
    }
    this.#values.set(name, value)
  }
}

/** @throws InvalidInputError for an unknown name, or a value out of range */
export function checkOption(name: AgentOption, value: number): void {
  assertName(name)
  const { least, most } = OPTIONS[name]
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new InvalidInputError(`${name} is an integer from ${least} to ${most}, not ${String(value)}`, {
      field: name,
    })
  }
}

function assertName(name: string): void {
  if (Object.hasOwn(OPTIONS, name)) return
  const guess = nearest(name, AGENT_OPTIONS)
  const known = guess === undefined ? `known are ${AGENT_OPTIONS.join(', ')}` : `did you mean ${guess}?`
  throw new InvalidInputError(`There is no option ${JSON.stringify(name)}: ${known}`, { field: 'name' })
}
