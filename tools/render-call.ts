import type { Call, Param } from '../src/linux/call.ts'
import { SYSCALLS } from '../src/linux/syscalls.ts'
import { ERRNO_TEXTS } from '../src/linux/tables/errno.ts'
import { parseAbout } from './call-about.ts'
import { code, escapeMarkdown, generatedFrom, list } from './markdown.ts'
import { linksOfType, structOf } from './type-links.ts'

const { x64, arm64 } = SYSCALLS

/** Parameters that the caller gives. */
export const explicit = (call: Call): readonly Param[] => call.params.filter((param) => !param.implied)

const named = (param: Param, type: string): string => `${param.name}${param.optional ? '?' : ''}: ${type}`

/** The signature as a method of `agent.sys`, without the options. */
export const signatureOf = (key: string, call: Call): string =>
  `${key}(${explicit(call)
    .map((param) => named(param, param.type))
    .join(', ')}): ${call.result.type}`

/** The page of a call in docs/reference/calls/. */
export function renderCall(key: string, call: Call): string {
  const { summary, since, later, errors } = parseAbout(call.about ?? `The call \`${call.name}\``)
  const page = call.page ?? call.name
  const facts = [
    `Man page: [${page}(2)](https://man7.org/linux/man-pages/man2/${page}.2.html)`,
    ...(call.name === key ? [] : [`System call: ${code(call.name)}`]),
    `Kernel: ${since === undefined ? 'every one that runs Carrel' : `Linux ${since} or newer`}${later === undefined ? '' : `, ${later}`}`,
    `Architectures: ${architectures(call.name)}`,
    `Time limit: ${limit(call)}`,
  ]
  return [
    generatedFrom('src/linux/calls'),
    `# ${escapeMarkdown(key)}\n`,
    `${escapeMarkdown(summary)}.\n`,
    signatures(key, call),
    parameters(call),
    filledIn(call),
    `## Result\n\n${result(call)}\n`,
    errors.length > 0 ? `## Errors\n\n${list(errors.map(({ errno, when }) => errorLine(errno, when)))}` : undefined,
    `## Facts\n\n${list(facts)}`,
    'All calls: [system calls](../syscalls.md)\n',
  ]
    .filter((part) => part !== undefined)
    .join('\n')
}

function signatures(key: string, call: Call): string {
  const inSys = explicit(call).map((param) => named(param, param.type))
  const last = explicit(call).some(({ name }) => name === 'options') ? 'callOptions' : 'options'
  const inProgram = explicit(call).map((param) => named(param, programType(param)))
  return `\`\`\`text
agent.sys.${key}(${[...inSys, `${last}?: CallOptions`].join(', ')}): Promise<${call.result.type}>
program().${key}(${inProgram.join(', ')}): ${call.result.ref}
\`\`\`
`
}

function programType(param: Param): string {
  if (param.ref === undefined) return param.type
  return `${param.type} | ${param.ref === 'unknown' ? 'AnyRef' : `Ref<${param.ref}>`}`
}

function parameters(call: Call): string | undefined {
  const params = explicit(call)
  if (params.length === 0) return undefined
  return `## Parameters\n\n${params.map(parameterLine).join('')}`
}

function parameterLine(param: Param): string {
  const optional = param.optional ? ', zero when left out' : ''
  return `- ${code(param.name)}: ${linked(param.type)}${optional}\n${fields(param.type, 'input')}`
}

/** A type, and where what it is made of is explained. */
function linked(type: string): string {
  const links = linksOfType(type)
  return links.length > 0 ? `${code(type)} (${links.join(', ')})` : code(type)
}

/** Fields of the struct that a type stands for, as a list below. */
function fields(type: string, side: 'input' | 'decoded'): string {
  const all = structOf(type)?.fields ?? []
  const shown = all.filter(([, kind]) => (side === 'input' ? kind.input !== 'never' : !kind.hidden))
  return shown.map(([name, kind]) => `  - ${code(name)}: ${linked(kind[side])}\n`).join('')
}

function filledIn(call: Call): string | undefined {
  const implied = call.params.filter((param) => param.implied)
  if (implied.length === 0) return undefined
  const lines = implied.map((param) => {
    const value = param.print(undefined)
    const name = param.name === 'constant' ? '' : `${code(param.name)}: `
    return value.startsWith('…') || value.startsWith('[…')
      ? `${name}a buffer that the kernel fills${value.includes(', ') ? ', and its size' : ''}`
      : `${name}${code(value)}`
  })
  return `## Filled in\n\nArguments of the kernel's call that the caller does not give, in its order:\n\n${list(lines)}`
}

const RESULT: Readonly<Record<Call['result']['kind'], string>> = {
  void: 'Nothing: the call has succeeded',
  value: 'What the call returns',
  fd: 'A new descriptor of the process; a program that fails later closes it again',
  pid: 'A process id as the process itself sees it',
  out: 'What the kernel wrote',
  bigint: 'What the call returns, in 64 bits',
}

function result(call: Call): string {
  if (call.ends)
    return 'None on success: the agent has ended, its handle is spent. An error leaves the agent as it was.'
  const { type, kind } = call.result
  const text = `${RESULT[kind]}: ${linked(type)}.`
  const below = fields(type, 'decoded').replace(/^ {2}/gm, '')
  return below ? `${text}\n\n${below.trimEnd()}` : text
}

function errorLine(errno: string, when: string): string {
  const text = ERRNO_TEXTS[errno as keyof typeof ERRNO_TEXTS]
  return `${code(errno)}: ${escapeMarkdown(text)}${when ? `; ${escapeMarkdown(when)}` : ''}`
}

function architectures(name: string): string {
  if (!(name in arm64)) return 'x86-64 only'
  return name in x64 ? 'x86-64 and arm64' : 'arm64 only'
}

const limit = (call: Call): string =>
  call.waits
    ? 'none unless `timeoutMs` gives one: the call may wait for something outside the kernel'
    : 'the one of all calls ([CallOptions](../types.md#calloptions))'
