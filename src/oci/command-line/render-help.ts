import { COMMANDS, type CommandName } from './definitions.ts'
import { globalOptions, HELP } from './definitions/global-options.ts'
import type { CommandDefinition, OperandDefinition, OptionDefinition } from './option.ts'

const WIDTH = 100

/** The text of `carrel-oci --help`. */
export function renderHelp(): string {
  const commands = Object.values(COMMANDS).map((define): CommandDefinition => define())
  return [
    'Usage: carrel-oci [OPTION…] COMMAND [OPTION…] …\n',
    'Runs containers as the OCI runtime specification describes them.\n',
    'Commands:',
    columns(commands.map(({ name, summary }) => [name, summary])),
    'Options:',
    columns(globalOptions().map(optionRow).filter(isShown)),
    'carrel-oci COMMAND --help prints what a command takes.\n',
  ].join('\n')
}

/** The text of `carrel-oci NAME --help`. */
export function renderCommandHelp(name: CommandName): string {
  const definition: CommandDefinition = COMMANDS[name]()
  const { description, operands, options } = definition
  return [
    `Usage: ${usage(definition)}\n`,
    ...description.map((paragraph) => `${wrapped(paragraph, 0)}\n`),
    ...(operands.length > 0 ? ['Arguments:', columns(operands.map((each) => [operandName(each), each.help]))] : []),
    'Options:',
    columns([...options, HELP].map(optionRow).filter(isShown)),
  ].join('\n')
}

/** `carrel-oci kill [OPTION…] ID [SIGNAL]` */
export function usage({ name, operands }: CommandDefinition): string {
  return ['carrel-oci', name, '[OPTION…]', ...operands.map(operandForm)].join(' ')
}

const operandName = ({ name }: OperandDefinition): string => name.toUpperCase()

function operandForm(operand: OperandDefinition): string {
  const name = operandName(operand)
  return operand.rest === true ? `[${name}…]` : operand.optional === true ? `[${name}]` : name
}

type Row = readonly [left: string, right: string]

const isShown = (row: Row | undefined): row is Row => row !== undefined

function optionRow(option: OptionDefinition): Row | undefined {
  if (option.hidden === true) return undefined
  const short = option.short === undefined ? '    ' : `-${option.short}, `
  return [`${short}${longForm(option)}`, option.help]
}

/** `--rootless[=WHEN]`, `--pid-file FILE` */
export const longForm = ({ name, value, bare }: OptionDefinition): string =>
  value === undefined ? `--${name}` : bare === undefined ? `--${name} ${value}` : `--${name}[=${value}]`

function columns(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${wrapped(right, width + 4)}\n`).join('')
}

/** Lines of at most `WIDTH` columns; those after the first stand `indent` columns in. */
function wrapped(text: string, indent: number): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!
    if (last !== '' && indent + last.length + 1 + word.length > WIDTH) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines.join(`\n${' '.repeat(indent)}`)
}
