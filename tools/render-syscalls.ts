import { CALLS } from '../src/linux/calls/index.ts'
import type { Call, Param } from '../src/linux/call.ts'
import { SYSCALLS } from '../src/linux/syscalls.ts'
import type { GeneratedFile } from './generated-file.ts'

const { x64, arm64 } = SYSCALLS

const INTRODUCTION = `# System calls

Each call is a method of \`agent.sys\` (made at once, awaited) and of a program (\`program()\`, a step of it). The signatures are
those of \`agent.sys\`; in a program every number that may be the result of an earlier step also takes its \`Ref\`, and the result
is a \`Ref\`. Sizes, lengths and out-buffers of the C signature are filled in, so they are no parameters here. Flags are
lists of kernel names or an integer.

${Object.keys(CALLS).length} calls have a signature. All ${Object.keys(x64).length} calls of x86-64 and ${Object.keys(arm64).length} of arm64
can be made with \`syscall(name, ...args)\`, where an argument is a number, a bigint, text (passed as a pointer to it, with a
NUL at its end), bytes, or a \`Ref\`.
`

/** The page docs/reference/syscalls.md: a line per call with a signature, in the order of the alphabet. */
export function renderSyscalls(): string {
  const keys = Object.keys(CALLS).toSorted()
  const lines = keys.map((key) => renderLine(key, CALLS[key] as Call))
  return `<!-- Generated from src/linux/calls: do not edit, run "npm run generate" -->\n\n${INTRODUCTION}\n${lines.join('')}`
}

function renderLine(key: string, call: Call): string {
  const params = call.params.filter((param) => !param.implied).map(renderParam)
  const page = call.page ?? call.name
  const about = [call.about ?? `The call \`${call.name}\``, ...onlyOn(call.name)].map(escapeMarkdown).join('; ')
  return `- \`${key}(${params.join(', ')}): ${call.result.type}\` — ${about}. [${page}(2)](https://man7.org/linux/man-pages/man2/${page}.2.html)\n`
}

const renderParam = (param: Param): string => `${param.name}${param.optional ? '?' : ''}: ${param.type}`

function onlyOn(name: string): readonly string[] {
  if (name in x64) return name in arm64 ? [] : ['x86-64 only']
  return ['arm64 only']
}

/** Kernel names have underscores and asterisks, which Markdown would take for emphasis. */
function escapeMarkdown(text: string): string {
  return text.replace(/(`[^`]*`)|([*_<])/g, (_, code: string | undefined, mark: string) => code ?? `\\${mark}`)
}

/** The generated page of this file, for tools/generators.ts. */
export const generated = (): readonly GeneratedFile[] => [
  { path: 'docs/reference/syscalls.md', render: renderSyscalls },
]
