import { COMMANDS } from '../src/oci/command-line/definitions.ts'
import { globalOptions, HELP } from '../src/oci/command-line/definitions/global-options.ts'
import type { CommandDefinition, OptionDefinition } from '../src/oci/command-line/option.ts'
import { longForm } from '../src/oci/command-line/render-help.ts'

/** Section of programs for administrators, man(1). */
const SECTION = 8

/** Every command as it is defined, in the order of the help. */
export const ociCommands = (): readonly CommandDefinition[] => Object.values(COMMANDS).map((define) => define())

/** The options of a command, or those before it, without the ones that only scripts for other runtimes pass. */
export function shownOptions(command?: CommandDefinition): readonly OptionDefinition[] {
  const options: readonly OptionDefinition[] = command === undefined ? globalOptions() : [...command.options, HELP]
  return options.filter(({ hidden }) => hidden !== true)
}

/** The man page carrel-oci(8), in the language of man(7). */
export function renderProgramPage(version: string): string {
  return page('carrel-oci', version, [
    ['NAME', `carrel\\-oci \\- run containers as the OCI runtime specification describes them`],
    ['SYNOPSIS', `${bold('carrel-oci')} [${italic('OPTION')}...] ${italic('COMMAND')} [${italic('ARGUMENT')}...]`],
    [
      'DESCRIPTION',
      text(
        'Engines such as podman, docker and containerd start it for every change of a container; people start it to run a bundle. ' +
          'A bundle is a directory with config.json and a root file system.',
      ),
    ],
    [
      'COMMANDS',
      ociCommands()
        .map((each) => item(bold(`carrel-oci-${each.name}(${SECTION})`), each.summary))
        .join('\n'),
    ],
    ['OPTIONS', optionItems(shownOptions())],
    [
      'EXIT STATUS',
      [
        item('0', 'Success.'),
        item('1', 'Failure; why is written to stderr, and to the log.'),
        item('255', 'exec could not start its process.'),
        item(
          'Any other',
          'That of the process that run or exec waited for; 128 and the number of the signal that killed it.',
        ),
      ].join('\n'),
    ],
    [
      'FILES',
      [
        item(italic('/run/carrel-oci/ID/'), 'State of a container, for root. Only its owner may write there.'),
        item(italic('$XDG_RUNTIME_DIR/carrel-oci/ID/'), 'The same for other users.'),
      ].join('\n'),
    ],
    ['SEE ALSO', `${bold('namespaces')}(7), ${bold('cgroups')}(7), ${bold('criu')}(8)`],
  ])
}

/** The man page of one command, `carrel-oci-kill(8)`. */
export function renderCommandPage(command: CommandDefinition, version: string): string {
  const { name, summary, description, operands } = command
  const forms = operands.map((operand) => {
    const word = italic(operand.name.toUpperCase())
    return operand.rest === true ? `[${word}...]` : operand.optional === true ? `[${word}]` : word
  })
  return page(`carrel-oci-${name}`, version, [
    ['NAME', `carrel\\-oci\\-${name} \\- ${text(summary)}`],
    ['SYNOPSIS', [bold(`carrel-oci ${name}`), `[${italic('OPTION')}...]`, ...forms].join(' ')],
    ['DESCRIPTION', description.map(text).join('\n.PP\n')],
    ...(operands.length === 0
      ? []
      : [['ARGUMENTS', operands.map((each) => item(italic(each.name.toUpperCase()), each.help)).join('\n')] as const]),
    ['OPTIONS', optionItems(shownOptions(command))],
    ['SEE ALSO', `${bold('carrel-oci')}(${SECTION})`],
  ])
}

type Section = readonly [title: string, content: string]

function page(name: string, version: string, sections: readonly Section[]): string {
  const head = `.\\" Generated from src/oci/command-line/definitions.ts: do not edit, run "npm run generate"\n`
  const title = `.TH ${name.toUpperCase()} ${SECTION} "" "carrel ${version}"\n`
  return head + title + sections.map(([heading, content]) => `.SH ${heading}\n${content}\n`).join('')
}

const optionItems = (options: readonly OptionDefinition[]): string =>
  options.map((option) => item(optionForm(option), option.help)).join('\n')

function optionForm(option: OptionDefinition): string {
  const [long = '', value] = longForm(option).split(/(?=[ [])/)
  const shown = value === undefined ? '' : value.startsWith('[') ? text(value) : ` ${italic(value.trim())}`
  return `${option.short === undefined ? '' : `${bold(`-${option.short}`)}, `}${bold(long)}${shown}`
}

/** What stands before is formatted already. */
const item = (term: string, help: string): string => `.TP\n${term}\n${text(help)}`

const bold = (word: string): string => `\\fB${text(word)}\\fR`
const italic = (word: string): string => `\\fI${text(word)}\\fR`

/** Signs that man(7) reads as its own: a dash would become a hyphen that no shell takes, a point at the start of a line a request. */
const text = (plain: string): string =>
  plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replace(/^([.'])/, '\\&$1')
