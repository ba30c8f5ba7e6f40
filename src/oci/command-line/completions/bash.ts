import { COMMANDS } from '../definitions.ts'
import { globalOptions } from '../definitions/global-options.ts'
import type { CommandDefinition, OptionDefinition } from '../option.ts'
import { commands, operandOf, optionsOf, shown, type Value, valueOf, words } from './completed-value.ts'

/** The script for bash(1). */
export function renderBash(): string {
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
