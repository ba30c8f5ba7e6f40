import { COMMANDS } from '../definitions.ts'
import { HELP } from '../definitions/global-options.ts'
import type { CommandDefinition, OptionDefinition } from '../option.ts'

/** Shells with completions. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** Every command as it is defined. */
export const commands = (): readonly CommandDefinition[] => Object.values(COMMANDS).map((define) => define())

/** Without those that only scripts for other runtimes pass. */
export const shown = (options: readonly OptionDefinition[]): readonly OptionDefinition[] =>
  options.filter(({ hidden }) => hidden !== true)

/** What may stand behind the name of a command. */
export const optionsOf = ({ options }: CommandDefinition): readonly OptionDefinition[] => shown([...options, HELP])

/** What follows an option or stands for an operand. */
export type Value = 'files' | 'directories' | 'ids' | 'commands' | 'shells' | 'nothing' | readonly string[]

/** What is offered for the value of an option. */
export function valueOf({ choices, value }: OptionDefinition): Value {
  if (choices !== undefined) return choices
  return value === 'DIR' ? 'directories' : value === 'FILE' || value === 'SOCKET' ? 'files' : 'nothing'
}

/** What is offered for the first operand of a command. */
export function operandOf({ operands }: CommandDefinition): Value {
  const first = operands[0]?.name
  return first === 'id' ? 'ids' : first === 'command' ? 'commands' : first === 'shell' ? 'shells' : 'nothing'
}

/** Values that are words; undefined for others. */
export const words = (value: Value): readonly string[] | undefined =>
  value === 'commands' ? Object.keys(COMMANDS) : value === 'shells' ? SHELLS : Array.isArray(value) ? value : undefined
