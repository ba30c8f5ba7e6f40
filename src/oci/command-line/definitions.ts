import { checkpoint, restore } from './definitions/checkpoint-commands.ts'
import type { globalOptions } from './definitions/global-options.ts'
import { completion, events, features, help, list, ps, spec, state } from './definitions/information-commands.ts'
import { create, exec, kill, pause, remove, resume, run, start } from './definitions/life-cycle-commands.ts'
import { update } from './definitions/update-command.ts'
import type { CommandDefinition, OperandValues, OptionValues } from './option.ts'

/**
 * Every command by its name, in the order of the help. Functions, because a start of the program needs one of them and engines of
 * JavaScript do not even compile those that are not called.
 */
export const COMMANDS = {
  create,
  start,
  run,
  exec,
  kill,
  delete: remove,
  pause,
  resume,
  state,
  list,
  ps,
  events,
  update,
  checkpoint,
  restore,
  spec,
  features,
  completion,
  help,
} as const satisfies Readonly<Record<string, () => CommandDefinition>>

export type CommandName = keyof typeof COMMANDS

type Definition<N extends CommandName> = ReturnType<(typeof COMMANDS)[N]>

/** What was given to a command: `given.id`, `given.options.pidFile`. */
export type Given<N extends CommandName> = OperandValues<Definition<N>['operands']> & {
  readonly options: OptionValues<Definition<N>['options']>
}

/** What was given before the name of the command. */
export type GivenGlobals = OptionValues<ReturnType<typeof globalOptions>>

/** Is there such a command? */
export const isCommand = (name: string): name is CommandName => Object.hasOwn(COMMANDS, name)
