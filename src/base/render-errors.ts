import { CODES, type Code } from './codes.ts'

/** The class that carries a code, and the fields that it has beside `code`, `message` and `cleanup`. */
const CLASSES: Readonly<Record<Code, { readonly name: string; readonly fields: readonly string[] }>> = {
  E_INPUT: { name: 'InvalidInputError', fields: ['field'] },
  E_UNSUPPORTED: { name: 'UnsupportedError', fields: ['fact', 'remedy'] },
  E_STATE: { name: 'StateError', fields: ['state', 'wanted'] },
  E_SYSCALL: {
    name: 'SyscallError',
    fields: ['call', 'args', 'errno', 'step', 'steps', 'feature', 'because'],
  },
  E_AGENT: { name: 'AgentError', fields: [] },
  E_TIMEOUT: { name: 'TimeoutError', fields: ['timeoutMs', 'outcome'] },
  E_COMMAND: { name: 'CommandError', fields: ['result'] },
}

const INTRODUCTION = `# Errors

Every error that Carrel throws extends \`CarrelError\` and has a stable \`code\`. Match on the code or the class, never on the
message. \`cleanup\` lists failures of the clean-up that followed the error; it is empty nearly always. \`toJSON()\` gives all
fields as plain data. A wait that an \`AbortSignal\` ended rejects with the signal's own reason.
`

/** The page docs/reference/errors.md: a section per code of the registry. */
export function renderErrors(): string {
  const sections = (Object.keys(CODES) as Code[]).map(renderSection)
  return `<!-- Generated from src/base/codes.ts: do not edit, run "npm run generate" -->\n\n${[INTRODUCTION, ...sections].join('\n')}`
}

function renderSection(code: Code): string {
  const { title, who, hint } = CODES[code]
  const { name, fields } = CLASSES[code]
  const list = fields.map((field) => `\`${field}\``).join(', ')
  return `## ${code}

${title}.

- Class: \`${name}\`
- Who can act: ${who}
- What to do: ${hint}
${list ? `- Fields: ${list}\n` : ''}`
}

/** The generated files of this folder, in the shape that tools/generators.ts lists. */
export const generated = (): readonly { readonly path: string; readonly render: () => string }[] => [
  { path: 'docs/reference/errors.md', render: renderErrors },
]
