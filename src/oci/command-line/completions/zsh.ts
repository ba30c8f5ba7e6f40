import { globalOptions } from '../definitions/global-options.ts'
import type { CommandDefinition, OptionDefinition } from '../option.ts'
import { commands, operandOf, optionsOf, shown, type Value, valueOf, words } from './completed-value.ts'

/** The script for zsh(1). */
export function renderZsh(): string {
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
