import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CommandDefinition, OptionDefinition } from '../src/oci/command-line/option.ts'
import { type Shell, SHELLS } from '../src/oci/command-line/completions/completed-value.ts'
import { renderCompletion } from '../src/oci/command-line/render-completions.ts'
import { longForm, usage } from '../src/oci/command-line/render-help.ts'
import type { GeneratedFile } from './generated-file.ts'
import { code, escapeMarkdown, generatedFrom, list, table } from './markdown.ts'
import { ROOT } from './project-files.ts'
import { ociCommands, renderCommandPage, renderProgramPage, shownOptions } from './render-oci-man.ts'

const SOURCE = 'src/oci/command-line/definitions.ts'

/** Where shells look for completions, below a prefix such as /usr/share. */
const COMPLETIONS: Readonly<Record<Shell, string>> = {
  bash: 'bash-completion/completions/carrel-oci',
  zsh: 'zsh/site-functions/_carrel-oci',
  fish: 'fish/vendor_completions.d/carrel-oci.fish',
}

function packageVersion(): string {
  return (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version
}

function renderVersion(): string {
  return `// Generated from package.json: do not edit, run "npm run generate"

/** Version of this package; an executable has no package.json beside it. */
export const VERSION = '${packageVersion()}'
`
}

function renderIndex(): string {
  const commands = ociCommands().map(({ name, summary }) => `[${name}](carrel-oci/${name}.md): ${summary}`)
  return `${generatedFrom(SOURCE)}
# carrel-oci

An OCI runtime: what podman, docker and containerd start. The same as man pages is in \`share/man\`, completions of shells are in
\`share/completions\` and printed by \`carrel-oci completion\`.

    carrel-oci [OPTION…] COMMAND [OPTION…] …

## Commands

${list(commands)}
## Options before the command

${optionTable(shownOptions())}`
}

function renderCommand(command: CommandDefinition): string {
  const operands = command.operands.map((each) => `${code(each.name.toUpperCase())}: ${escapeMarkdown(each.help)}`)
  return `${generatedFrom(SOURCE)}
# carrel-oci ${command.name}

    ${usage(command)}

${command.description.map(escapeMarkdown).join('\n\n')}
${operands.length === 0 ? '' : `\n${list(operands)}`}
${optionTable(shownOptions(command))}
All commands: [carrel-oci](../carrel-oci.md)
`
}

function optionTable(options: readonly OptionDefinition[]): string {
  const rows = options.map((option) => {
    const forms = [...(option.short === undefined ? [] : [code(`-${option.short}`)]), code(longForm(option))]
    return [forms.join(', ').replaceAll('|', '\\|'), escapeMarkdown(option.help).replaceAll('|', '\\|')]
  })
  return table(['option', 'meaning'], rows)
}

/** Everything that is made from the definitions of carrel-oci's commands, for tools/generators.ts. */
export const generated = (): readonly GeneratedFile[] => [
  { path: 'src/oci/generated/version.ts', render: renderVersion },
  { path: 'docs/reference/carrel-oci.md', render: renderIndex },
  ...ociCommands().map((command) => ({
    path: `docs/reference/carrel-oci/${command.name}.md`,
    render: () => renderCommand(command),
  })),
  { path: 'share/man/man8/carrel-oci.8', render: () => renderProgramPage(packageVersion()) },
  ...ociCommands().map((command) => ({
    path: `share/man/man8/carrel-oci-${command.name}.8`,
    render: () => renderCommandPage(command, packageVersion()),
  })),
  ...SHELLS.map((shell) => ({
    path: `share/completions/${COMPLETIONS[shell]}`,
    render: () => renderCompletion(shell),
  })),
]
