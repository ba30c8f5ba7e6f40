import { COMMANDS } from '../definitions.ts'
import { globalOptions } from '../definitions/global-options.ts'
import type { OptionDefinition } from '../option.ts'
import { commands, operandOf, optionsOf, shown, valueOf, words } from './completed-value.ts'

/** The script for fish(1). */
export function renderFish(): string {
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
