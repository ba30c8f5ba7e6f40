import type { Call } from '../src/linux/call.ts'
import { allCalls } from '../src/linux/calls/index.ts'
import { SYSCALLS } from '../src/linux/syscalls.ts'
import { parseAbout } from './call-about.ts'
import type { GeneratedFile } from './generated-file.ts'
import { code, escapeMarkdown, generatedFrom } from './markdown.ts'
import { renderCall, signatureOf } from './render-call.ts'
import { handmadeIn } from './type-links.ts'

const { x64, arm64 } = SYSCALLS
const ALL: readonly (readonly [string, Call])[] = Object.entries(allCalls()).toSorted(([a], [b]) => (a < b ? -1 : 1))

const INTRODUCTION = `# System calls

Each call is a method of \`agent.sys\` (made at once, awaited) and of a program (\`program()\`, a step of it). The signatures are
those of \`agent.sys\`; in a program every number that may be the result of an earlier step also takes its \`Ref\`, and the result
is a \`Ref\`. Sizes, lengths and out-buffers of the C signature are filled in, so they are no parameters here. Flags are
lists of kernel names or an integer: [constants](constants.md). What the other types are: [types](types.md).

${ALL.length} calls have a signature, and each a page. All ${Object.keys(x64).length} calls of x86-64 and ${Object.keys(arm64).length} of arm64
can be made with \`syscall(name, ...args)\`, where an argument is a number, a bigint, text (passed as a pointer to it, with a
NUL at its end), bytes, or a \`Ref\`. Calls of other systems are refused: [foreign calls](foreign.md). What is made of calls,
and what is none (\`environ\`, \`readdir\`, \`sigaction\` with events …): [the process layer](process.md).
`

/** The page docs/reference/syscalls.md: a line per call with a signature, in the order of the alphabet. */
export function renderSyscalls(): string {
  return `${generatedFrom('src/linux/calls')}\n${INTRODUCTION}\n${ALL.map(renderLine).join('')}`
}

function renderLine([key, call]: readonly [string, Call]): string {
  const { summary } = parseAbout(call.about ?? `The call \`${call.name}\``)
  return `- [${code(signatureOf(key, call))}](calls/${key}.md): ${escapeMarkdown(summary)}\n`
}

/** The page docs/reference/types.md: types of signatures that are neither constants nor structs. */
export function renderTypes(): string {
  const used = ALL.flatMap(([, { params, result }]) => [result.type, result.ref, ...params.map((param) => param.type)])
  const sections = handmadeIn([...used, 'CallOptions']).map(({ name, kind, doc, text, members }) => {
    const body = kind === 'class' ? `${text}\n${members.map((each) => `  ${each.text}\n`).join('')}` : text
    return `## ${name}\n\n${escapeMarkdown(doc.replaceAll('\n@', '. @'))}\n\n\`\`\`text\n${body.trimEnd()}\n\`\`\`\n`
  })
  const introduction = `# Types of signatures

Names of constants are unions: [constants](constants.md). Structs are objects with the kernel's field names; a page that takes or gives
one lists them, and a field that is left out is zero.
`
  return `${generatedFrom('src/linux')}\n${introduction}\n${sections.join('\n')}`
}

/** The generated pages of this file, for tools/generators.ts. */
export const generated = (): readonly GeneratedFile[] => [
  { path: 'docs/reference/syscalls.md', render: renderSyscalls },
  { path: 'docs/reference/types.md', render: renderTypes },
  ...ALL.map(([key, call]) => ({ path: `docs/reference/calls/${key}.md`, render: () => renderCall(key, call) })),
]
