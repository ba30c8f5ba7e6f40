import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Declaration } from './declarations.ts'
import type { GeneratedFile } from './generated-file.ts'
import { escapeMarkdown, generatedFrom } from './markdown.ts'
import { ROOT } from './project-files.ts'
import { declarationsIn } from './type-links.ts'

const DOOR = 'src/process/index.ts'

const INTRODUCTION = `# The process layer

What \`carrel/process\` exports, from the docstrings of its sources. Members of \`Caller\` are members of everything that extends it.
[System calls](syscalls.md) are methods of \`sys\`; errors have [a page of their own](errors.md).
`

/** Names that the door of the process layer exports from its own folder. */
export function exportedNames(door = readFileSync(join(ROOT, DOOR), 'utf8')): readonly string[] {
  const lists = [...door.matchAll(/export (?:type )?\{([^}]*)\} from '\.\/[\w/-]+\.ts'/g)].map(
    (match) => match[1] ?? '',
  )
  return lists.flatMap((text) =>
    text
      .split(',')
      .map((name) => name.trim().replace(/^type /, ''))
      .filter(Boolean),
  )
}

/** The page docs/reference/process.md: classes with their members, then the types. */
export function renderProcess(): string {
  const all = declarationsIn('src/process')
  const found = exportedNames().flatMap((name) => all.get(name) ?? [])
  const classes = found.filter(({ kind }) => kind === 'class')
  const sorted = found.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const functions = sorted.filter(({ kind }) => kind === 'function' || kind === 'const')
  const types = sorted.filter(({ kind }) => kind === 'interface' || kind === 'type')
  const sections = [
    ...classes.map(renderClass),
    ...(functions.length > 0 ? ['## Functions\n', ...functions.map(renderSmall)] : []),
    '## Types\n',
    ...types.map(renderSmall),
  ]
  return `${generatedFrom('src/process')}\n${[INTRODUCTION, ...sections].join('\n')}`
}

function renderClass(declaration: Declaration): string {
  const { name, doc, text, members } = declaration
  const names = [...new Set(members.map((member) => member.name))]
  const parts = names.map((each) => {
    const same = members.filter((member) => member.name === each)
    return `### ${name}.${escapeMarkdown(each)}\n\n${block(same.map((member) => member.text).join('\n'))}\n${same.map((member) => prose(member.doc)).find(Boolean) ?? ''}`
  })
  return `## ${name}\n\n${prose(doc)}\n${block(text.replace('export ', ''))}\n${parts.join('\n')}`
}

const renderSmall = ({ name, kind, doc, text }: Declaration): string =>
  `### ${name}\n\n${prose(doc)}${doc ? '\n' : ''}${block(text.replace('export ', '').replace(/ =>\s[^]*$/, kind === 'const' ? '' : '$&'))}`

const block = (text: string): string => `\`\`\`text\n${text}\n\`\`\`\n`

/** A docstring as Markdown: its sentences, then its tags as a list. */
function prose(doc: string): string {
  const [first = '', ...rest] = doc.split('\n')
  const sentences = first.startsWith('@') ? '' : `${escapeMarkdown(first)}\n`
  const tags = (first.startsWith('@') ? [first, ...rest] : rest).map((tag) => `- ${tagLine(tag)}\n`)
  return [sentences, tags.join('')].filter(Boolean).join('\n')
}

function tagLine(tag: string): string {
  const [, name = '', text = ''] = /^@(\w+)\s*(.*)$/s.exec(tag) ?? []
  if (name === 'throws') return `Throws ${escapeMarkdown(text)}`
  if (name === 'param') return escapeMarkdown(text.replace(/^(\w+) /, '`$1`: '))
  return escapeMarkdown(text)
}

/** The generated page of this file, for tools/generators.ts. */
export const generated = (): readonly GeneratedFile[] => [{ path: 'docs/reference/process.md', render: renderProcess }]
