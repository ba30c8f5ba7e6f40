import { FOREIGN, type ForeignCall } from '../src/linux/foreign.ts'
import type { GeneratedFile } from './generated-file.ts'
import { code, escapeMarkdown, generatedFrom } from './markdown.ts'

const INTRODUCTION = `# Foreign calls

Calls by which programs confine themselves on other systems. As methods of \`agent.sys\` they reject with an \`UnsupportedError\` that names
the system and what Linux has instead; nothing is sent to the agent. In a program they do not exist.
`

const NOT_THERE = `## What is not there

Two calls that some process layers have are missing on purpose. \`alloc\` places a struct in the memory of the process and gives its
addresses: who knows them can use them against the process, so structs go with the call that takes them and come back decoded, without
an address. \`iolist_to_bin\` hands its argument back, as a test of an encoding; here vectors of bytes are that test
(\`test/agent/vectors.ts\`).
`

/** The page docs/reference/foreign.md: a section per call that Linux does not have. */
export function renderForeign(): string {
  const sections = Object.entries(FOREIGN).map(([name, { platform, page, about, instead }]: [string, ForeignCall]) => {
    const text = `${escapeMarkdown(about)}.\n\n- System: ${platform}, ${code(page)}\n- On Linux: ${escapeMarkdown(instead)}\n`
    return `## ${escapeMarkdown(name)}\n\n${text}`
  })
  return `${generatedFrom('src/linux/foreign.ts')}\n${[INTRODUCTION, ...sections, NOT_THERE].join('\n')}`
}

/** The generated page of this file, for tools/generators.ts. */
export const generated = (): readonly GeneratedFile[] => [{ path: 'docs/reference/foreign.md', render: renderForeign }]
