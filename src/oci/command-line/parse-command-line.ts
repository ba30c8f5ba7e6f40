import { InvalidInputError } from '../../base/errors.ts'
import { didYouMean } from '../../linux/nearest.ts'
import { COMMANDS, type CommandName, type Given, type GivenGlobals, isCommand } from './definitions.ts'
import { globalOptions, HELP } from './definitions/global-options.ts'
import type { CommandDefinition, OperandDefinition } from './option.ts'
import { type FoundValues, isOption, parseOption } from './parse-options.ts'

/** A command with what was given to it. */
export type ParsedCommand = { [N in CommandName]: { readonly name: N; readonly given: Given<N> } }[CommandName]

/**
 * Reads the options before the command into `globals`, so that a failure can be logged where those before it say; returns the index of
 * the command's name, or the number of words when there is none.
 * @throws InvalidInputError for an option that does not exist or a value that it cannot have
 */
export function parseGlobals(words: readonly string[], globals: GivenGlobals): number {
  const options = globalOptions()
  let at = 0
  while (at < words.length && isOption(words[at]!)) at = parseOption(words, at, options, globals as FoundValues)
  return words[at] === '--' ? at + 1 : at
}

/**
 * The command that a word names.
 * @throws InvalidInputError when there is none, with the nearest
 */
export function commandNamed(word: string | undefined): CommandName {
  if (word !== undefined && isCommand(word)) return word
  const problem = word === undefined ? 'No command is given' : `There is no command ${JSON.stringify(word)}`
  const hint = word === undefined ? '' : didYouMean(word, Object.keys(COMMANDS))
  throw new InvalidInputError(`${problem}${hint || '; carrel-oci --help prints those there are'}`, { field: 'command' })
}

/**
 * What was given to a command; a wish for its help is the command `help`.
 * @throws InvalidInputError naming the option or the operand
 */
export function parseCommand(name: CommandName, words: readonly string[]): ParsedCommand {
  const definition: CommandDefinition = COMMANDS[name]()
  const options = [...definition.options, HELP]
  const found: FoundValues = {}
  const operands: string[] = []
  const rest = definition.operands.findIndex((operand) => operand.rest === true)
  let literal = false
  for (let at = 0; at < words.length;) {
    const word = words[at]!
    const own = rest < 0 || operands.length < rest
    if (own && !literal && isOption(word)) {
      at = parseOption(words, at, options, found)
      continue
    }
    // The `--` of `exec ID -- COMMAND` is ours; those that follow are the command's.
    if (!literal && word === '--') literal = true
    else operands.push(word)
    if (!own) literal = true
    at++
  }
  if (found['help'] === true) return { name: 'help', given: { options: {}, command: name } }
  return { name, given: { ...assign(definition, operands), options: found } } as unknown as ParsedCommand
}

function assign(definition: CommandDefinition, words: readonly string[]): Record<string, string | readonly string[]> {
  const values: Record<string, string | readonly string[]> = {}
  definition.operands.forEach((operand, index) => {
    if (operand.rest === true) values[operand.name] = words.slice(index)
    else if (words[index] !== undefined) values[operand.name] = words[index]
    else if (operand.optional !== true) missing(definition, operand)
  })
  const { operands } = definition
  if (words.length > operands.length && operands.at(-1)?.rest !== true) {
    const extra = JSON.stringify(words[operands.length])
    throw new InvalidInputError(`${definition.name} does not take the word ${extra}; ${seeHelp(definition)}`, {
      field: 'words',
    })
  }
  return values
}

function missing(definition: CommandDefinition, operand: OperandDefinition): never {
  const what = `${operand.name.toUpperCase()} (${operand.help})`
  throw new InvalidInputError(`${definition.name} needs ${what}; ${seeHelp(definition)}`, { field: operand.name })
}

const seeHelp = ({ name }: CommandDefinition): string => `carrel-oci ${name} --help prints what it takes`
