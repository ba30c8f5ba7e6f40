import { InvalidInputError } from '../../base/errors.ts'
import { COMMANDS } from './definitions.ts'
import { globalOptions, HELP } from './definitions/global-options.ts'
import type { CommandDefinition, OptionDefinition } from './option.ts'

const SHELLS = { bash: renderBash, zsh: renderZsh, fish: renderFish } as const

export type Shell = keyof typeof SHELLS

export const SHELL_NAMES = Object.keys(SHELLS) as readonly Shell[]

/**
 * The script that completes the command line of carrel-oci in a shell: made from the definitions, so that it needs none of them.
 * @throws InvalidInputError for another shell
 */
export function renderCompletion(shell: string): string {
  if (Object.hasOwn(SHELLS, shell)) return SHELLS[shell as Shell]()
  throw new InvalidInputError(`shell must be one of ${SHELL_NAMES.join(', ')}, not ${JSON.stringify(shell)}`, {
    field: 'shell',
  })
}

const commands = (): readonly CommandDefinition[] => Object.values(COMMANDS).map((define) => define())

const shown = (options: readonly OptionDefinition[]): readonly OptionDefinition[] =>
  options.filter(({ hidden }) => hidden !== true)

const optionsOf = ({ options }: CommandDefinition): readonly OptionDefinition[] => shown([...options, HELP])

/** What follows an option or stands for an operand. */
type Value = 'files' | 'directories' | 'ids' | 'commands' | 'shells' | 'nothing' | readonly string[]

function valueOf({ choices, value }: OptionDefinition): Value {
  if (choices !== undefined) return choices
  return value === 'DIR' ? 'directories' : value === 'FILE' || value === 'SOCKET' ? 'files' : 'nothing'
}

function operandOf({ operands }: CommandDefinition): Value {
  const first = operands[0]?.name
  return first === 'id' ? 'ids' : first === 'command' ? 'commands' : first === 'shell' ? 'shells' : 'nothing'
}

const words = (value: Value): readonly string[] | undefined =>
  value === 'commands'
    ? Object.keys(COMMANDS)
    : value === 'shells'
      ? SHELL_NAMES
      : Array.isArray(value)
        ? value
        : undefined

// bash

function renderBash(): string {
  const globals = shown(globalOptions())
  return `# Completions of carrel-oci for bash: . this file, or put it into /usr/share/bash-completion/completions/carrel-oci
_carrel_oci() {
  local cur prev command= at i
  cur="\${COMP_WORDS[COMP_CWORD]}"
  prev="\${COMP_WORDS[COMP_CWORD-1]}"
  local root=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      --root) root=(--root "\${COMP_WORDS[i+1]}"); ((i++)) ;;
      ${takers(globals)}) ((i++)) ;;
      -*) ;;
      *) command="\${COMP_WORDS[i]}"; at=$i; break ;;
    esac
  done
  COMPREPLY=()
  case "$command $prev" in
${bashValues('', globals)}${commands()
    .map((each) => bashValues(each.name, optionsOf(each)))
    .join('')}  esac
  case "$command" in
    '') _carrel_oci_words "${[...optionWords(globals), ...Object.keys(COMMANDS)].join(' ')}" ;;
${commands().map(bashCommand).join('')}  esac
}
_carrel_oci_words() { COMPREPLY=($(compgen -W "$1" -- "$cur")); }
_carrel_oci_ids() { _carrel_oci_words "$1 $(carrel-oci "\${root[@]}" list -q 2>/dev/null)"; }
complete -F _carrel_oci carrel-oci
`
}

const optionWords = (options: readonly OptionDefinition[]): readonly string[] =>
  options.flatMap(({ name, short }) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])])

/** Options whose value is the next word, as a pattern. */
const takers = (options: readonly OptionDefinition[]): string =>
  options
    .filter(({ kind, bare, name }) => kind !== 'flag' && bare === undefined && name !== 'root')
    .flatMap((option) => optionWords([option]))
    .join('|')

function bashValues(command: string, options: readonly OptionDefinition[]): string {
  return options
    .filter(({ kind, bare }) => kind !== 'flag' && bare === undefined)
    .map((option) => {
      const value = valueOf(option)
      const patterns = optionWords([option]).map((word) => `'${command} ${word}'`)
      return `    ${patterns.join('|')}) ${bashReply(value)}; return ;;\n`
    })
    .join('')
}

function bashReply(value: Value): string {
  if (value === 'files') return 'COMPREPLY=($(compgen -f -- "$cur"))'
  if (value === 'directories') return 'COMPREPLY=($(compgen -d -- "$cur"))'
  const list = words(value)
  return list === undefined ? ':' : `_carrel_oci_words "${list.join(' ')}"`
}

function bashCommand(command: CommandDefinition): string {
  const options = optionWords(optionsOf(command)).join(' ')
  const operand = operandOf(command)
  const reply =
    operand === 'ids'
      ? `_carrel_oci_ids "${options}"`
      : `_carrel_oci_words "${[options, ...(words(operand) ?? [])].join(' ')}"`
  return `    ${command.name}) ${reply} ;;\n`
}

// zsh

function renderZsh(): string {
  const cases = commands().map((command) => {
    const lines = [...optionsOf(command).map(zshOption), ...zshOperands(command)]
    return `        ${command.name}) _arguments -s -S ${lines.join(' ')} ;;\n`
  })
  return `#compdef carrel-oci
# Completions of carrel-oci for zsh: put this file as _carrel-oci into a directory of $fpath
_carrel-oci() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C -S ${shown(globalOptions()).map(zshOption).join(' ')} '1:command:->command' '*::arguments:->arguments'
  case $state in
    command)
      local -a commands=(
${commands()
  .map(({ name, summary }) => `        ${quoted(`${name}:${summary}`)}\n`)
  .join('')}      )
      _describe command commands
      ;;
    arguments)
      case $line[1] in
${cases.join('')}      esac
      ;;
  esac
}
_carrel-oci-ids() {
  local -a root=()
  [[ -n \${opt_args[--root]} ]] && root=(--root \${opt_args[--root]})
  compadd -- $(carrel-oci $root list -q 2>/dev/null)
}
# Read by autoload it is the function itself, read by source it is not.
if [[ $funcstack[1] == _carrel-oci ]]; then
  _carrel-oci "$@"
else
  compdef _carrel-oci carrel-oci
fi
`
}

/** In single quotes, for sh and zsh. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

function zshOption(option: OptionDefinition): string {
  const { name, short, kind, bare, value, help } = option
  const text = help.replace(/[[\]:]/g, (mark) => `\\${mark}`)
  const after =
    kind === 'flag'
      ? ''
      : `${bare === undefined ? '' : ':'}:${(value ?? '').replaceAll(':', '\\:')}:${zshAction(valueOf(option))}`
  const repeated = kind === 'list' ? '*' : ''
  const long = `${quoted(`${repeated}--${name}${kind === 'flag' ? '' : bare === undefined ? '=' : '=-'}[${text}]${bare === undefined ? after : after.replace(/^:/, '')}`)}`
  return short === undefined ? long : `${long} ${quoted(`${repeated}-${short}[${text}]${after}`)}`
}

function zshAction(value: Value): string {
  if (value === 'files') return '_files'
  if (value === 'directories') return '_files -/'
  if (value === 'ids') return '_carrel-oci-ids'
  const list = words(value)
  return list === undefined ? ' ' : `(${list.join(' ')})`
}

function zshOperands(command: CommandDefinition): readonly string[] {
  return command.operands.map(({ name, optional, rest }, index) => {
    const action = index === 0 ? zshAction(operandOf(command)) : rest === true && name === 'command' ? '_normal' : ' '
    return quoted(
      rest === true ? `*::${name}:${action}` : `${index + 1}${optional === true ? ':' : ''}:${name}:${action}`,
    )
  })
}

// fish

function renderFish(): string {
  const names = Object.keys(COMMANDS).join(' ')
  const complete = 'complete -c carrel-oci'
  const lines = [
    '# Completions of carrel-oci for fish: put this file into ~/.config/fish/completions/carrel-oci.fish',
    `${complete} -f`,
    ...shown(globalOptions()).map((option) => `${complete} -n '__fish_use_subcommand' ${fishOption(option)}`),
  ]
  for (const command of commands()) {
    const condition = `-n '__fish_seen_subcommand_from ${command.name}'`
    const isFirst = `-n 'not __fish_seen_subcommand_from ${names}'`
    lines.push(`${complete} ${isFirst} -a ${command.name} -d ${quotedFish(command.summary)}`)
    lines.push(...optionsOf(command).map((option) => `${complete} ${condition} ${fishOption(option)}`))
    const operand = operandOf(command)
    const list = operand === 'ids' ? '(carrel-oci list -q 2>/dev/null)' : words(operand)?.join(' ')
    if (list !== undefined) lines.push(`${complete} ${condition} -a ${quotedFish(list)}`)
  }
  return `${lines.join('\n')}\n`
}

const quotedFish = (text: string): string => `'${text.replace(/[\\']/g, (mark) => `\\${mark}`)}'`

function fishOption(option: OptionDefinition): string {
  const { name, short, kind, bare, help } = option
  const value = valueOf(option)
  const list = words(value)
  const after =
    kind === 'flag' || bare !== undefined
      ? ''
      : value === 'files' || value === 'directories'
        ? ' -r -F'
        : ` -x${list === undefined ? '' : ` -a ${quotedFish(list.join(' '))}`}`
  return `${short === undefined ? '' : `-s ${short} `}-l ${name}${after} -d ${quotedFish(help)}`
}
